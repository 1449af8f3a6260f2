/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import java.util.PriorityQueue;

/** Virtual time, and what is to happen in it. What is due at the same moment happens in order. */
final class Timeline {
  static final long NEVER = Long.MAX_VALUE;

  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final long startNanos;
  private long elapsedNanos;
  private long order;

  private static final class Event implements Comparable<Event> {
    private final long atNanos;
    private final long order;
    private final Runnable action;

    Event(long atNanos, long order, Runnable action) {
      this.atNanos = atNanos;
      this.order = order;
      this.action = action;
    }

    @Override
    public int compareTo(Event other) {
      return atNanos != other.atNanos
          ? Long.compare(atNanos, other.atNanos)
          : Long.compare(order, other.order);
    }
  }

  /**
   * Begins.
   *
   * @param startNanos what the engines' clock shows at the beginning; it may overflow on the way
   */
  Timeline(long startNanos) {
    this.startNanos = startNanos;
  }

  /** The time as the engines are told it. */
  long nowNanos() {
    return startNanos + elapsedNanos;
  }

  /** Time since the beginning. */
  long elapsedNanos() {
    return elapsedNanos;
  }

  /** When a moment of the engines' clock lies, counted from the beginning; not before now. */
  long whenNanos(long engineNanos) {
    return engineNanos == NEVER ? NEVER : Math.max(elapsedNanos, engineNanos - startNanos);
  }

  void at(long whenNanos, Runnable action) {
    events.add(new Event(Math.max(whenNanos, elapsedNanos), order++, action));
  }

  void in(long nanos, Runnable action) {
    at(elapsedNanos + nanos, action);
  }

  /** When the next event is due, or {@link #NEVER}. */
  long nextNanos() {
    var event = events.peek();
    return event == null ? NEVER : event.atNanos;
  }

  void advanceTo(long whenNanos) {
    elapsedNanos = Math.max(elapsedNanos, whenNanos);
  }

  /** Does the next event. */
  void step() {
    var event = events.remove();
    advanceTo(event.atNanos);
    event.action.run();
  }
}
