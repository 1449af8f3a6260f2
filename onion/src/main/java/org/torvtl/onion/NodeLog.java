/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.torvtl.ip.RareLog;
import org.torvtl.wire.Ipv4Packet;

/**
 * What a proxy's and a router's log have in common. It is told events as values and puts them into
 * words only where it writes a line: of packets so many a second, see {@link PacketLines}; of
 * messages that were not believed one a second.
 */
abstract class NodeLog {
  final Consumer<String> log;
  final PacketLines lines;
  final RareLog rejected;
  private final Ipv4Packet packet;

  /**
   * Nothing was written yet.
   *
   * @param log takes the lines
   * @param packet laid over the packet at hand at each event of one
   */
  NodeLog(Consumer<String> log, Ipv4Packet packet, long nowNanos) {
    this.log = log;
    this.packet = packet;
    lines = new PacketLines(log, nowNanos);
    rejected = new RareLog(TimeUnit.SECONDS.toNanos(1), log);
  }

  /** To be called with each event: see {@link PacketLines#advance}. */
  final void advance(long nowNanos) {
    lines.advance(nowNanos);
  }

  /** Tells how many lines were left out until now. */
  final void tell() {
    lines.tell();
  }

  /** The packet at hand, which is laid over {@code buf}. */
  final String describe(ByteBuf buf) {
    return PacketDescription.of(packet, buf);
  }
}
