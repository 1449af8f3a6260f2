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
 * <p>A flow ends when it has been silent for long enough. When there is room for no more, a new one
 * evicts another: of the user who has the most flows, of that user's socket that has the most, the
 * one that has been silent for longest. So each of n users can keep an n-th of the table, and those
 * whose user is not known are one user.
 */
final class FlowTable {
  /** What hands out the router's own numbers. */
  interface Numbers {
    /** A number from 0 to 65535 that is not handed out now, or -1 if there is none. */
    int take();

    /** Takes a number back. */
    void release(int number);
  }

  /** What tells whose a flow is. */
  interface Users {
    /** The local user who sends a flow's packets; any one value if that is not known. */
    int userOf(FlowKey flow);
  }

  /** The flows of a user, or of one of a user's sockets. */
  private static final class Share {
    int flows;
  }

  /** A user's socket, as far as its packets tell. */
  private record Socket(int user, int address, int port) {}

  /** A flow and its number. */
  private static final class Entry {
    final FlowKey flow;
    final Socket socket;
    final Share ofUser;
    final Share ofSocket;
    int number;
    long usedNanos;

    Entry(FlowKey flow, Socket socket, Share ofUser, Share ofSocket) {
      this.flow = flow;
      this.socket = socket;
      this.ofUser = ofUser;
      this.ofSocket = ofSocket;
    }

    /** Whether it is to give way before another that was silent for longer. */
    boolean isOfMoreThan(Entry other) {
      return ofUser.flows != other.ofUser.flows
          ? ofUser.flows > other.ofUser.flows
          : ofSocket.flows > other.ofSocket.flows;
    }
  }

  private final Numbers numbers;
  private final Users users;
  private final int capacity;
  private final long timeoutNanos;

  /** In the order of use, the one that was silent for longest first. */
  private final LinkedHashMap<FlowKey, Entry> byFlow = new LinkedHashMap<>(16, 0.75f, true);

  private final Map<Integer, Entry> byNumber = new HashMap<>();
  private final Map<Integer, Share> byUser = new HashMap<>();
  private final Map<Socket, Share> bySocket = new HashMap<>();
  private long evictions;

  FlowTable(Numbers numbers, Users users, int capacity, long timeoutNanos) {
    this.numbers = numbers;
    this.users = users;
    this.capacity = capacity;
    this.timeoutNanos = timeoutNanos;
  }

  /** The number of a flow, a new one if it is new; -1 if there is none to be had. */
  int number(FlowKey flow, long nowNanos) {
    var entry = byFlow.get(flow);
    if (entry == null) {
      expire(nowNanos);
      entry = add(flow);
      if (entry == null) {
        return -1;
      }
    }
    entry.usedNanos = nowNanos;
    return entry.number;
  }

  private @Nullable Entry add(FlowKey flow) {
    var entry = enter(flow);
    if (byFlow.size() == capacity) {
      evict();
    }
    entry.number = numbers.take();
    if (entry.number < 0 && !byFlow.isEmpty()) {
      // The system has fewer numbers than the table has room.
      evict();
      entry.number = numbers.take();
    }
    if (entry.number < 0) {
      leave(entry);
      return null;
    }
    byFlow.put(flow, entry);
    byNumber.put(entry.number, entry);
    return entry;
  }

  /** Counts a flow that is not in the table yet: its user may be the one who has the most by it. */
  private Entry enter(FlowKey flow) {
    int user = users.userOf(flow);
    var socket = new Socket(user, flow.source(), flow.sourcePort());
    var entry =
        new Entry(
            flow,
            socket,
            byUser.computeIfAbsent(user, key -> new Share()),
            bySocket.computeIfAbsent(socket, key -> new Share()));
    entry.ofUser.flows++;
    entry.ofSocket.flows++;
    return entry;
  }

  private void leave(Entry entry) {
    if (--entry.ofUser.flows == 0) {
      byUser.remove(entry.socket.user());
    }
    if (--entry.ofSocket.flows == 0) {
      bySocket.remove(entry.socket);
    }
  }

  /** Looks at every flow: a new flow in a full table costs some microseconds. */
  private void evict() {
    Entry most = null;
    for (var entry : byFlow.values()) {
      if (most == null || entry.isOfMoreThan(most)) {
        most = entry;
      }
    }
    if (most != null) {
      remove(most);
      evictions++;
    }
  }

  /** How many flows have given way to others. */
  long evictions() {
    return evictions;
  }

  /**
   * The flow with that number, if the far end is that one; else {@code null}.
   *
   * @param port the far end's; 0 where the protocol has none
   */
  @Nullable FlowKey flow(int number, int address, int port, long nowNanos) {
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
    leave(entry);
  }
}
