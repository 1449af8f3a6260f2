/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.torvtl.ip.FourTuple;

/**
 * Requests for connections that were answered by an ICMP error. Few TCP stacks give up a SYN for
 * that (RFC 1122, section 4.2.3.9, calls most of the codes soft errors): they repeat it, for
 * minutes, and each time the egress would be asked again. So a repetition is answered by a reset.
 *
 * <p>The memory is bounded, and shared out by whose requests they were; see {@link OwnedKeys}.
 */
final class UnreachableRequests {
  static final int CAPACITY = 1024;

  /**
   * How long an answer is remembered, besides as long as the guest had asked before: the time
   * between two SYNs begins with 1 s or 3 s and doubles (RFC 6298, section 5; RFC 1122, section
   * 4.2.3.1).
   */
  static final long MEMORY_NANOS = TimeUnit.SECONDS.toNanos(10);

  private record Answer(int sequence, long endNanos) {}

  private final Map<FourTuple, Answer> answers = new HashMap<>();
  private final OwnedKeys<FourTuple> keys = new OwnedKeys<>(CAPACITY);

  /**
   * A request was answered.
   *
   * @param sequence of its SYN
   * @param askedNanos for how long the guest had asked
   * @param owner whose share the entry counts for
   */
  void answered(FourTuple key, int sequence, long askedNanos, long owner, long nowNanos) {
    var evicted = keys.use(key, owner);
    if (evicted != null) {
      answers.remove(evicted);
    }
    answers.put(key, new Answer(sequence, nowNanos + MEMORY_NANOS + askedNanos));
  }

  /** Whether a SYN with this sequence number is a request that was answered just now. */
  boolean isRepeated(FourTuple key, int sequence, long nowNanos) {
    var answer = answers.get(key);
    return answer != null && answer.sequence == sequence && nowNanos - answer.endNanos < 0;
  }
}
