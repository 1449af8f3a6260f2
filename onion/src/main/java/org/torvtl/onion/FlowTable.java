/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Which number of the router's own, a UDP port or an echo identifier, stands for which flow. Each
 * flow has a number to itself, and only the far end of the flow is heard on it. RFC 4787, RFC 5508.
 *
 * <p>A flow ends when it has been silent for long enough, or has been silent for longest when there
 * is room for no more.
 */
final class FlowTable {
  /** What hands out the router's own numbers. */
  interface Numbers {
    /** A number from 0 to 65535 that is not handed out now, or -1 if there is none. */
    int take();

    /** Takes a number back. */
    void release(int number);
  }

  /** A flow and its number. */
  private static final class Entry {
    final Flow flow;
    final int number;
    long usedNanos;

    Entry(Flow flow, int number, long usedNanos) {
      this.flow = flow;
      this.number = number;
      this.usedNanos = usedNanos;
    }
  }

  private final Numbers numbers;
  private final int capacity;
  private final long timeoutNanos;

  /** In the order of use, the one that was silent for longest first. */
  private final LinkedHashMap<Flow, Entry> byFlow = new LinkedHashMap<>(16, 0.75f, true);

  private final Map<Integer, Entry> byNumber = new HashMap<>();

  FlowTable(Numbers numbers, int capacity, long timeoutNanos) {
    this.numbers = numbers;
    this.capacity = capacity;
    this.timeoutNanos = timeoutNanos;
  }

  /** The number of a flow, a new one if it is new; -1 if there is none to be had. */
  int number(Flow flow, long nowNanos) {
    var entry = byFlow.get(flow);
    if (entry == null) {
      expire(nowNanos);
      if (byFlow.size() == capacity) {
        remove(byFlow.firstEntry().getValue());
      }
      int number = numbers.take();
      if (number < 0) {
        return -1;
      }
      entry = new Entry(flow, number, nowNanos);
      byFlow.put(flow, entry);
      byNumber.put(number, entry);
    }
    entry.usedNanos = nowNanos;
    return entry.number;
  }

  /**
   * The flow with that number, if the far end is that one; else {@code null}.
   *
   * @param port the far end's; 0 where the protocol has none
   */
  @Nullable Flow flow(int number, int address, int port, long nowNanos) {
    var entry = byNumber.get(number);
    if (entry == null
        || entry.flow.destination() != address
        || entry.flow.destinationPort() != port
        || nowNanos - entry.usedNanos >= timeoutNanos) {
      return null;
    }
    // Only what the host sends keeps a flow alive. RFC 4787, REQ-6.
    return entry.flow;
  }

  /** Ends the flows that were silent for too long. */
  void expire(long nowNanos) {
    for (var eldest = byFlow.firstEntry();
        eldest != null && nowNanos - eldest.getValue().usedNanos >= timeoutNanos;
        eldest = byFlow.firstEntry()) {
      remove(eldest.getValue());
    }
  }

  /** Ends all flows. */
  void clear() {
    for (var eldest = byFlow.firstEntry(); eldest != null; eldest = byFlow.firstEntry()) {
      remove(eldest.getValue());
    }
  }

  /** When {@link #expire} has something to do next. */
  OptionalLong nextDeadline() {
    var eldest = byFlow.firstEntry();
    return eldest == null
        ? OptionalLong.empty()
        : OptionalLong.of(eldest.getValue().usedNanos + timeoutNanos);
  }

  int size() {
    return byFlow.size();
  }

  private void remove(Entry entry) {
    byFlow.remove(entry.flow);
    byNumber.remove(entry.number);
    numbers.release(entry.number);
  }
}
