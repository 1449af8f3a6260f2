/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.egress.EgressException;

/**
 * Asks whether Tor is there on behalf of many streams of one event loop at once. An answer counts
 * only for those that asked before the question was put: one more question at most is waiting.
 *
 * <p>Once it was found to be gone, it is asked every second until it is back.
 *
 * <p>As long as there are streams it also watches the egress, so that one that dies while none of
 * them can tell is not taken for the same when it is back.
 */
final class LivenessCheck {
  private static final Logger log = LoggerFactory.getLogger(LivenessCheck.class);

  /** Between two watches or questions, if the first ended too soon. */
  private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** How Tor is asked. */
  interface Questions {
    /** Whether it is there; fails with what {@link EgressException#isTemporary} if not asked. */
    Future<Boolean> isAlive(EventLoop loop);

    /** Whether it was there for a while; fails as the other. */
    Future<Boolean> watch(EventLoop loop);
  }

  private final EventLoop loop;
  private final Questions tor;
  private final Outage outage;
  private final BooleanSupplier hasStreams;
  private boolean watching;
  private List<Consumer<Boolean>> waiting = new ArrayList<>();
  private boolean asking;
  private boolean everGone;
  private long goneNanos;
  private long questions;
  private long failedQuestions;

  LivenessCheck(EventLoop loop, Questions tor, Outage outage, BooleanSupplier hasStreams) {
    this.loop = loop;
    this.tor = tor;
    this.outage = outage;
    this.hasStreams = hasStreams;
  }

  /** A stream was opened: the egress is watched until there is none. */
  void watch() {
    if (!watching) {
      watching = true;
      watchOn();
    }
  }

  private void watchOn() {
    if (!hasStreams.getAsBoolean()) {
      watching = false;
      return;
    }
    Future<Boolean> ended;
    try {
      ended = tor.watch(loop);
    } catch (RuntimeException e) {
      log.error("the egress cannot be watched; please report this", e);
      watching = false;
      return;
    }
    ended.addListener((Future<Boolean> watch) -> {
      if (watch.isSuccess() && watch.getNow()) {
        watchOn();
      } else if (cannotTell(watch)) {
        watchAfterPause();
      } else if (hasStreams.getAsBoolean()) {
        ask(this::signWasSeen);
      } else {
        watching = false;
      }
    });
  }

  private void signWasSeen(boolean alive) {
    if (alive) {
      watchAfterPause();
    } else {
      // All streams there are have died with it; the next one is of another.
      watching = false;
    }
  }

  private void watchAfterPause() {
    var unused = loop.schedule(this::watchOn, PAUSE_NANOS, TimeUnit.NANOSECONDS);
  }

  /** Whether the egress was not asked at all, for want of a descriptor or the like. */
  private boolean cannotTell(Future<Boolean> answer) {
    return answer.cause() instanceof EgressException cause && cause.isTemporary();
  }

  /** Tells {@code answer}, on the loop, whether the egress is there from now on. */
  void ask(Consumer<Boolean> answer) {
    waiting.add(answer);
    if (!asking) {
      put();
    }
  }

  /** The egress was found not to be there. */
  void noteGone(long nowNanos) {
    everGone = true;
    goneNanos = nowNanos;
    if (outage.begin(nowNanos)) {
      lookAgainAfterPause();
    }
  }

  /** Until it is back: guests that have given up do not ask. */
  private void lookAgainAfterPause() {
    var unused =
        loop.schedule(
            () ->
                ask(alive -> {
                  if (alive) {
                    outage.end(loop.ticker().nanoTime());
                  } else {
                    lookAgainAfterPause();
                  }
                }),
            PAUSE_NANOS,
            TimeUnit.NANOSECONDS);
  }

  /** Whether the egress was found not to be there after the given time. */
  boolean wasGoneSince(long nanos) {
    return everGone && goneNanos - nanos > 0;
  }

  /** Questions put to the egress, and those that were not answered with yes. */
  long questions() {
    return questions;
  }

  long failedQuestions() {
    return failedQuestions;
  }

  private void put() {
    asking = true;
    questions++;
    var asked = waiting;
    waiting = new ArrayList<>();
    Future<Boolean> question;
    try {
      question = tor.isAlive(loop);
    } catch (RuntimeException e) {
      question = loop.newFailedFuture(e);
    }
    question.addListener((Future<Boolean> alive) -> {
      if (cannotTell(alive)) {
        // Those that wait are not told that the egress is gone, since nobody knows.
        asked.addAll(waiting);
        waiting = asked;
        var unused = loop.schedule(this::put, PAUSE_NANOS, TimeUnit.NANOSECONDS);
        return;
      }
      boolean there = alive.isSuccess() && alive.getNow();
      if (!there) {
        failedQuestions++;
        noteGone(loop.ticker().nanoTime());
      }
      asked.forEach(answer -> tell(answer, there));
      asking = false;
      if (!waiting.isEmpty()) {
        put();
      }
    });
  }

  /** One that fails to hear the answer does not keep it from the others. */
  private static void tell(Consumer<Boolean> answer, boolean there) {
    try {
      answer.accept(there);
    } catch (RuntimeException e) {
      log.error("an answer was not taken; please report this", e);
    }
  }
}
