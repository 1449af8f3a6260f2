/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Timers of one lane: setting, moving and cancelling one costs the same however many there are.
 *
 * <p>A hashed wheel (Varghese and Lauck, 1987, scheme 6) of ticks of about a millisecond. A timer
 * fires at the end of the tick its deadline lies in, never early. The wheel has no clock: {@link
 * Alarm} is told when it wants to be turned next, and {@link #advance} turns it.
 */
final class TimerWheel {
  /** Where the wheel says when it next wants to be turned. */
  @FunctionalInterface
  interface Alarm {
    /** {@link #advance} is wanted at {@code deadlineNanos}; replaces what was said before. */
    void set(long deadlineNanos);
  }

  /** A thing that happens at a time. */
  abstract static class Timer {
    private @Nullable Timer previous;
    private @Nullable Timer next;
    private long tick;
    private int slot = NOT_SET;

    /** The deadline has passed. The timer is no longer set, and may be set again. */
    abstract void fire(long nowNanos);

    boolean isSet() {
      return slot != NOT_SET;
    }
  }

  /** A tick is 2^20 nanoseconds. */
  private static final int TICK_SHIFT = 20;

  private static final int SLOTS = 4096;
  private static final int NOT_SET = -1;

  private final Alarm alarm;
  private final @Nullable Timer[] slots = new @Nullable Timer[SLOTS];
  private final BitSet occupied = new BitSet(SLOTS);
  private final long originNanos;
  private long currentTick;
  private long alarmTick = Long.MAX_VALUE;

  TimerWheel(Alarm alarm, long nowNanos) {
    this.alarm = alarm;
    this.originNanos = nowNanos;
  }

  /** Sets a timer, or moves one that is set. A deadline in the past fires at the next turn. */
  void set(Timer timer, long deadlineNanos) {
    cancel(timer);
    long tick = Math.max(tickOf(deadlineNanos) + 1, currentTick + 1);
    int slot = (int) (tick & SLOTS - 1);
    timer.tick = tick;
    timer.slot = slot;
    timer.next = slots[slot];
    if (timer.next != null) {
      timer.next.previous = timer;
    }
    slots[slot] = timer;
    occupied.set(slot);
    if (tick < alarmTick) {
      setAlarm(tick);
    }
  }

  /** Takes a timer off; one that is not set stays as it is. */
  void cancel(Timer timer) {
    int slot = timer.slot;
    if (slot == NOT_SET) {
      return;
    }
    if (timer.previous != null) {
      timer.previous.next = timer.next;
    } else {
      slots[slot] = timer.next;
      if (timer.next == null) {
        occupied.clear(slot);
      }
    }
    if (timer.next != null) {
      timer.next.previous = timer.previous;
    }
    timer.previous = null;
    timer.next = null;
    timer.slot = NOT_SET;
  }

  /** Fires every timer whose deadline has passed. */
  void advance(long nowNanos) {
    long target = tickOf(nowNanos);
    long first = currentTick + 1;
    long last = Math.min(target, currentTick + SLOTS);
    currentTick = Math.max(target, currentTick);
    alarmTick = Long.MAX_VALUE;
    for (long tick = nextOccupied(first); tick <= last; tick = nextOccupied(tick + 1)) {
      fireSlot((int) (tick & SLOTS - 1), target, nowNanos);
    }
    long next = nextOccupied(currentTick + 1);
    if (next < alarmTick) {
      setAlarm(next);
    }
  }

  private void fireSlot(int slot, long target, long nowNanos) {
    Timer timer = slots[slot];
    while (timer != null) {
      if (timer.tick > target) {
        timer = timer.next;
      } else {
        cancel(timer);
        timer.fire(nowNanos);
        // Firing may have set or cancelled any other timer, so the slot is read anew. It ends: a
        // timer set while this goes on is due after the target.
        timer = slots[slot];
      }
    }
  }

  /** The first tick from {@code tick} on, within one turn, in whose slot a timer is set. */
  private long nextOccupied(long tick) {
    int slot = (int) (tick & SLOTS - 1);
    int found = occupied.nextSetBit(slot);
    if (found >= 0) {
      return tick + found - slot;
    }
    found = occupied.nextSetBit(0);
    return found >= 0 ? tick + found + SLOTS - slot : Long.MAX_VALUE;
  }

  private long tickOf(long nanos) {
    return nanos - originNanos >> TICK_SHIFT;
  }

  private void setAlarm(long tick) {
    alarmTick = tick;
    alarm.set(originNanos + (tick << TICK_SHIFT));
  }
}
