/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.function.LongSupplier;
import org.torvtl.ip.FourTuple;
import org.torvtl.tcp.InitialNumbers;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;

/**
 * What the connections of one stack have in common.
 *
 * @param clock nanoseconds as of {@link System#nanoTime}
 * @param timers on the same clock
 */
record ConnectionContext(
    LongSupplier clock,
    TimerWheel timers,
    ConnectionShares shares,
    PacketWriter writer,
    IcmpResponder icmp,
    TcpCounters counters,
    Table table) {

  /** Keeps the connections, and hears what becomes of them. */
  interface Table {
    /** The connection has ended and is to be forgotten. */
    void ended(FourTuple tuple, ConnectionShares.Place place);

    /** A request was answered by an ICMP error. */
    void unreachable(FourTuple tuple, HeldSyn request);

    /** A guest no longer repeats its request. */
    void givenUp();

    /** Handling a connection failed. */
    void failed(RuntimeException cause);
  }

  /** What one connection begins with. */
  record Beginning(TcpConfig config, InitialNumbers numbers, GuestMemory memory) {}

  long nowNanos() {
    return clock.getAsLong();
  }
}
