/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.stack.GuestConnection;
import org.torvtl.tcp.CloseReason;

/**
 * Counts how a flow ended, and writes one line for it. Logs that are not asked for do not tell who
 * spoke.
 */
final class FlowLog {
  private static final Logger log = LoggerFactory.getLogger(Flow.class);

  /** A wait for the far end that is told of: else it looks as if the flow had been slow. */
  private static final long LONG_WAIT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final GuestConnection guest;
  private final Dialogue dialogue;
  private final FlowCounters counters;
  private final long requestedNanos;
  private boolean isFarEndAwaited;
  private long guestEndedNanos;

  FlowLog(GuestConnection guest, Dialogue dialogue, FlowCounters counters, long nowNanos) {
    this.guest = guest;
    this.dialogue = dialogue;
    this.counters = counters;
    this.requestedNanos = nowNanos;
  }

  /** When the guest asked for the flow. */
  long requestedNanos() {
    return requestedNanos;
  }

  /** The guest ended its side before the far end did. */
  void guestEnded(long nowNanos) {
    isFarEndAwaited = true;
    guestEndedNanos = nowNanos;
  }

  /** The guest's connection closed, whose request had been answered. */
  void closed(CloseReason reason, boolean asUpload, long nowNanos) {
    switch (reason) {
      case NORMAL -> {
        counters.ended++;
        tell(asUpload ? "ended by the guest, as an upload" : "ended by both", nowNanos);
      }
      case RESET_BY_PEER, REFUSED_BY_PEER -> {
        counters.resetByGuest++;
        tell("reset by the guest", nowNanos);
      }
      case TIMED_OUT -> {
        counters.guestVanished++;
        tell("the guest does not answer any more", nowNanos);
      }
      case ABORTED, REFUSED, DROPPED -> {
        if (guest.isEvicted()) {
          counters.madeRoom++;
          tell("ended to make room for others", nowNanos);
        } else {
          counters.shutDown++;
          tell("ended with the gateway", nowNanos);
        }
      }
    }
  }

  /** The guest's connection closed, whose request had no answer yet. */
  void closedUnanswered(CloseReason reason, long nowNanos) {
    if (reason == CloseReason.ABORTED) {
      counters.shutDown++;
      tell("ended with the gateway, unanswered", nowNanos);
    } else if ((reason == CloseReason.REFUSED || reason == CloseReason.DROPPED)
        && guest.isEvicted()) {
      counters.madeRoom++;
      tell("ended to make room for others, unanswered", nowNanos);
    } else {
      counters.abandoned++;
      tell("given up by the guest, unanswered", nowNanos);
    }
  }

  void tell(String how, long nowNanos) {
    if (log.isDebugEnabled()) {
      log.debug(
          "{}: {}; {} bytes out, {} in, {}{}",
          guest,
          how,
          dialogue.sentBytes(),
          dialogue.receivedBytes(),
          seconds(nowNanos - requestedNanos),
          isFarEndAwaited && nowNanos - guestEndedNanos >= LONG_WAIT_NANOS
              ? ", " + seconds(nowNanos - guestEndedNanos) + " of it after the guest's end"
              : "");
    }
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
  }
}
