/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;

class TimerWheelTest {
  /** A tick, the most a timer may be late by. */
  private static final long TICK = 1 << 20;

  private long alarm = Long.MAX_VALUE;
  private long now = -5_000_000_000L;
  private final TimerWheel wheel = new TimerWheel(deadline -> alarm = deadline, now);

  private static final class Recorded extends TimerWheel.Timer {
    final List<Long> fired = new ArrayList<>();

    @Override
    void fire(long nowNanos) {
      fired.add(nowNanos);
    }
  }

  /** Lets time pass, turning the wheel only when it asked to be turned. */
  private void runUntil(long time) {
    while (alarm != Long.MAX_VALUE && alarm <= time) {
      now = Math.max(now, alarm);
      alarm = Long.MAX_VALUE;
      wheel.advance(now);
    }
    now = time;
  }

  @Test
  void firesOnceWithinATickOfTheDeadline() {
    var timer = new Recorded();
    long deadline = now + TimeUnit.MILLISECONDS.toNanos(40);
    wheel.set(timer, deadline);
    runUntil(now + TimeUnit.SECONDS.toNanos(20));
    assertThat(timer.fired)
        .singleElement()
        .satisfies(at -> assertThat(at).isBetween(deadline, deadline + TICK));
    assertThat(timer.isSet()).isFalse();
  }

  @Test
  void aDeadlineManyTurnsAwayIsKept() {
    var timer = new Recorded();
    long deadline = now + TimeUnit.MINUTES.toNanos(7);
    wheel.set(timer, deadline);
    runUntil(deadline - 1);
    assertThat(timer.fired).isEmpty();
    runUntil(deadline + TICK);
    assertThat(timer.fired).hasSize(1);
  }

  @Test
  void aCancelledTimerDoesNotFire() {
    var timer = new Recorded();
    wheel.set(timer, now + 10 * TICK);
    wheel.cancel(timer);
    runUntil(now + 100 * TICK);
    assertThat(timer.fired).isEmpty();
  }

  @Test
  void aTimerMayCancelAndSetOthersWhileItFires() {
    var victim = new Recorded();
    var later = new Recorded();
    var first =
        new TimerWheel.Timer() {
          @Override
          void fire(long nowNanos) {
            wheel.cancel(victim);
            wheel.set(later, nowNanos);
            wheel.set(this, nowNanos + 50 * TICK);
          }
        };
    wheel.set(victim, now + 10 * TICK);
    wheel.set(first, now + 10 * TICK);
    runUntil(now + 20 * TICK);
    assertThat(victim.fired).isEmpty();
    assertThat(later.fired).hasSize(1);
    assertThat(first.isSet()).isTrue();
  }

  @Test
  void everyTimerFiresExactlyWhenItShould() {
    Draws.repeat(
        100,
        draw -> {
          var random = draw.random();
          var timers = new ArrayList<Recorded>();
          var deadlines = new ArrayList<Long>();
          long end = now;
          for (int i = 0; i < 300; i++) {
            var timer = new Recorded();
            long deadline = now + random.nextLong(TimeUnit.SECONDS.toNanos(i % 7 + 1L));
            wheel.set(timer, now + random.nextLong(TimeUnit.SECONDS.toNanos(9)));
            wheel.set(timer, deadline);
            timers.add(timer);
            deadlines.add(deadline);
            if (i % 3 == 0) {
              runUntil(now + random.nextLong(TimeUnit.MILLISECONDS.toNanos(30)));
            }
            end = Math.max(end, deadline);
          }
          runUntil(end + 2 * TICK);
          for (int i = 0; i < timers.size(); i++) {
            long deadline = deadlines.get(i);
            assertThat(timers.get(i).fired)
                .singleElement()
                .satisfies(at -> assertThat(at).isBetween(deadline, deadline + TICK));
          }
        });
  }
}
