/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.EgressStream;
import org.torvtl.stack.GuestConnection;

/**
 * What a flow does whose guest has ended its side: it waits for a far end that may still answer.
 * The wait begins anew with each word of the far end's, and whenever the egress takes more of what
 * the guest sent. It is short where no answer is to come, but a server may wait for the end: {@link
 * #isUpload}.
 */
final class FarEndWait {
  /** How long the far end of an upload is waited for: two round trips, but so long at least. */
  private static final long UPLOAD_LEAST_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  /** And at most: what waits for the end of an upload is idle all the while. */
  private static final long UPLOAD_MOST_NANOS = TimeUnit.MILLISECONDS.toNanos(1_800);

  private final FlowContext context;
  private final GuestConnection guest;
  private final Dialogue dialogue;
  private final EgressStream stream;
  private final long roundTripNanos;
  private final Consumer<Runnable> guard;
  private final Runnable onSilence;
  private long endNanos;
  private @Nullable ScheduledFuture<?> timer;
  private long wakeNanos;

  /**
   * @param roundTripNanos to the far end, as it was when the stream was opened
   * @param guard runs what may fail
   * @param onSilence is run when the far end was silent for too long; the wait is over then
   */
  FarEndWait(
      FlowContext context,
      GuestConnection guest,
      Dialogue dialogue,
      EgressStream stream,
      long roundTripNanos,
      Consumer<Runnable> guard,
      Runnable onSilence) {
    this.context = context;
    this.guest = guest;
    this.dialogue = dialogue;
    this.stream = stream;
    this.roundTripNanos = roundTripNanos;
    this.guard = guard;
    this.onSilence = onSilence;
  }

  /**
   * Begins, or begins anew.
   *
   * @param isAllAcknowledged whether the guest has acknowledged all that the far end said
   */
  void restart(boolean isAllAcknowledged) {
    waitFrom(context.now(), patienceNanos());
    guest.likelyDone(dialogue.farEndSpokeLast() && isAllAcknowledged);
  }

  /** How long the far end may be silent. */
  private long patienceNanos() {
    if (isUpload()) {
      return Math.clamp(2 * roundTripNanos, UPLOAD_LEAST_NANOS, UPLOAD_MOST_NANOS);
    }
    var config = context.config();
    return (dialogue.farEndSpokeLast() ? config.linger() : config.answer()).toNanos();
  }

  /**
   * Whether the flow is taken for an upload: by its port, by what was said, or since the guest,
   * which alone has spoken, has another connection to this far end where it hears what became of
   * it, as with FTP.
   */
  private boolean isUpload() {
    return isUploadPort()
        || dialogue.isUpload()
        || (dialogue.receivedBytes() == 0
            && dialogue.sentBytes() > 0
            && !dialogue.isControl()
            && !dialogue.beginsLikeHttp()
            && context.controls().isAny(guest));
  }

  private boolean isUploadPort() {
    return context.config().uploadPorts().contains(guest.tuple().port());
  }

  /** Whether the flow is an upload and nothing was cut off that the guest could miss. */
  boolean isWholeUpload() {
    return isUpload() && (isUploadPort() || dialogue.receivedBytes() == 0);
  }

  /** Moves the end of the wait; a timer that is set for an earlier time finds that out itself. */
  private void waitFrom(long nowNanos, long nanos) {
    endNanos = nowNanos + nanos;
    if (timer != null && wakeNanos - endNanos > 0) {
      cancelTimer();
    }
    if (timer == null) {
      wakeNanos = endNanos;
      timer = context.loop().schedule(() -> guard.accept(this::wake), nanos, TimeUnit.NANOSECONDS);
    }
  }

  private void wake() {
    timer = null;
    long now = context.now();
    if (now - endNanos < 0) {
      waitFrom(now, endNanos - now);
      return;
    }
    long patience = patienceNanos();
    long sinceTook = stream.nanosSinceTook();
    if (guest.queuedBytes() > 0) {
      // The far end may have a lot to say: it is the guest that is slow to listen.
      waitFrom(now, patience);
    } else if (sinceTook < patience) {
      waitFrom(now, patience - sinceTook);
    } else {
      onSilence.run();
    }
  }

  /** The guest's side may be over, or the far end has ended its own. */
  void stop() {
    cancelTimer();
    guest.likelyDone(false);
  }

  private void cancelTimer() {
    if (timer != null) {
      timer.cancel(false);
      timer = null;
    }
  }
}
