/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/** What a proxy's log says. */
final class ProxyLog extends NodeLog {
  private final String device;

  /**
   * Nothing was written yet.
   *
   * @param device the tunnel device's name
   * @param log takes the lines
   * @param packet laid over the packet at hand at each event of one
   */
  ProxyLog(String device, Consumer<String> log, Ipv4Packet packet, long nowNanos) {
    super(log, packet, nowNanos);
    this.device = device;
  }

  // Routers.

  void started(int router, long pid) {
    log.accept("router %d started as process %d".formatted(router, pid));
  }

  void saysUp(Peer peer, Endpoint from) {
    log.accept("%s at %s says: I'm up".formatted(peer.name, from));
  }

  void up(Peer peer) {
    log.accept(
        peer.name
            + " is up"
            + (peer.exitAddress == 0
                ? ""
                : ", in the world as " + Ipv4Address.toString(peer.exitAddress)));
  }

  void exitChanged(Peer peer) {
    log.accept(
        peer.name
            + (peer.exitAddress == 0
                ? " has no way to the world any more"
                : " is in the world as " + Ipv4Address.toString(peer.exitAddress)));
  }

  void silent(Peer peer) {
    log.accept(peer.name + " does not answer any more");
  }

  void answersAgain(Peer peer) {
    log.accept(peer.name + " answers again");
  }

  /**
   * A router's process has ended.
   *
   * @param how such as {@code was killed by signal 9}
   */
  void ended(Peer peer, String how) {
    log.accept("%s %s".formatted(peer.name, how));
  }

  /** The host has other addresses now. */
  void addresses(Set<Integer> sources) {
    log.accept(
        "the host's addresses are "
            + sources.stream().map(Ipv4Address::toString).sorted().toList());
  }

  void closed(OnionCounters counters) {
    log.accept("closed; " + counters.nonZero());
  }

  // Messages.

  /** A message was not believed to be a router's. */
  void messageRejected(Endpoint from, Drop reason, long nowNanos) {
    if (rejected.admits(nowNanos)) {
      rejected.write("dropped a message from %s: %s".formatted(from, reason));
    }
  }

  void messageUnexpected(Peer peer, @Nullable MessageType type) {
    if (lines.admits()) {
      lines.write("dropped a message from %s: not expected: %s".formatted(peer.name, type));
    }
  }

  // Packets; a method that takes a buffer is told of the packet laid over it.

  /** A packet from a router is none. */
  void malformed(Peer peer, Defect defect) {
    malformed(peer.name, defect);
  }

  /** A packet from the host is none. */
  void malformed(Defect defect) {
    malformed(device, defect);
  }

  private void malformed(String from, Defect defect) {
    if (lines.admits()) {
      lines.write("dropped a packet from %s: %s".formatted(from, defect));
    }
  }

  /** A packet from a router is dropped. */
  void dropped(Peer peer, ByteBuf buf, Drop reason) {
    dropped(peer.name, buf, reason);
  }

  /** A packet from the host is dropped. */
  void dropped(ByteBuf buf, Drop reason) {
    dropped(device, buf, reason);
  }

  private void dropped(String from, ByteBuf buf, Drop reason) {
    if (lines.admits()) {
      lines.write("%s: from %s; dropped: %s".formatted(describe(buf), from, reason));
    }
  }

  /** A packet goes from a router to the host. */
  void delivered(Peer peer, ByteBuf buf) {
    carried(buf, peer.name, device);
  }

  /** A packet goes from the host to a router. */
  void sent(Peer peer, ByteBuf buf) {
    carried(buf, device, peer.name);
  }

  private void carried(ByteBuf buf, String from, String to) {
    if (lines.admits()) {
      lines.write(describe(buf) + ": from " + from + "; to " + to);
    }
  }
}
