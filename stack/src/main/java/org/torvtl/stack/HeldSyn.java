/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;

/**
 * The SYN of a request that waits for an answer: what an ICMP error about it quotes, and when its
 * guest has given it up.
 *
 * <p>A guest gives up without a word: it no longer repeats its SYN. The time between two SYNs
 * begins with 1 s or 3 s and doubles (RFC 6298, section 5; RFC 1122, section 4.2.3.1), so what is
 * due next follows from how long the guest has been asking. One SYN may be lost in between.
 */
final class HeldSyn {
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final ByteBuf quote;
  private final int sequenceIndex;
  private long firstNanos;
  private long lastNanos;

  /**
   * @param quote the packet's IP header and 8 bytes behind it, of which the last four are the
   *     sequence number
   */
  HeldSyn(byte[] quote, long nowNanos) {
    this.quote = Unpooled.wrappedBuffer(quote);
    this.sequenceIndex = quote.length - Integer.BYTES;
    firstNanos = nowNanos;
    lastNanos = nowNanos;
  }

  /** The beginning of the guest's packet; not to be released. */
  ByteBuf quote() {
    return quote;
  }

  /** Its sequence number. */
  int sequence() {
    return quote.getInt(sequenceIndex);
  }

  /** For how long the guest has been asking. */
  long askedNanos(long nowNanos) {
    return nowNanos - firstNanos;
  }

  /** Whether a SYN with this sequence number is the same again. */
  boolean isRepetition(int sequence) {
    return sequence() == sequence;
  }

  /** The guest asks again. One that has started anew waits for errors about its last SYN. */
  void repeated(int sequence, long nowNanos) {
    if (!isRepetition(sequence)) {
      quote.setInt(sequenceIndex, sequence);
      firstNanos = nowNanos;
    }
    lastNanos = nowNanos;
  }

  /** The request is given up if the guest is silent until then. */
  long deadlineNanos() {
    return lastNanos + PATIENCE_NANOS + 3 * (lastNanos - firstNanos);
  }
}
