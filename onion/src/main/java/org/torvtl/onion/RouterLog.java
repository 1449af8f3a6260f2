/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;
import org.torvtl.ip.IcmpError;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/** What a router's log says. */
final class RouterLog extends NodeLog {
  private final RouterConfig config;

  /**
   * Nothing was written yet.
   *
   * @param log takes the lines
   * @param packet laid over the packet at hand at each event of one
   */
  RouterLog(RouterConfig config, Consumer<String> log, Ipv4Packet packet, long nowNanos) {
    super(log, packet, nowNanos);
    this.config = config;
  }

  // The circuit.

  void saidUp() {
    log.accept("said to the proxy: I'm up, process " + config.pid());
  }

  void opened(int circuit, OpenBody body) {
    var exit = config.exit();
    log.accept(
        "circuit %d is open: I am %s, all of %s but for the host%s"
            .formatted(
                circuit,
                Ipv4Address.toString(body.routerAddress()),
                body.tunnel(),
                exit == null
                    ? ""
                    : ", and %s in the world, through %s"
                        .formatted(Ipv4Address.toString(exit.address()), exit.name())));
  }

  void closed(OnionCounters counters) {
    log.accept("the proxy has closed the circuit; " + counters.nonZero());
  }

  /** A message was not believed to be the proxy's. */
  void messageRejected(Drop reason, long nowNanos) {
    if (rejected.admits(nowNanos)) {
      rejected.write("dropped a message that claims to be the proxy's: " + reason);
    }
  }

  // Packets; each method takes what the packet is laid over.

  /** A packet from the proxy is none. */
  void malformed(Defect defect) {
    if (lines.admits()) {
      lines.write("dropped a packet from the proxy: " + defect);
    }
  }

  /** A packet from the proxy carries a malformed ICMP message. */
  void malformedIcmp(Defect defect) {
    if (lines.admits()) {
      lines.write("dropped a packet from the proxy: ICMP: " + defect);
    }
  }

  /** What a packet for the world carries is malformed. */
  void malformedInside(ByteBuf buf, Defect defect) {
    if (lines.admits()) {
      lines.write("%s: dropped: %s".formatted(describe(buf), defect));
    }
  }

  void answered(ByteBuf buf) {
    if (lines.admits()) {
      lines.write(describe(buf) + ": from the proxy; answered");
    }
  }

  void dropped(ByteBuf buf, Drop reason) {
    if (lines.admits()) {
      lines.write("%s: from the proxy; dropped: %s".formatted(describe(buf), reason));
    }
  }

  void refused(ByteBuf buf, Drop reason, IcmpError error) {
    if (lines.admits()) {
      lines.write(
          "%s: from the proxy; refused: %s, ICMP %d/%d"
              .formatted(describe(buf), reason, error.type(), error.code()));
    }
  }

  void sentToWorld(ByteBuf buf, AddressTranslator.Translated as) {
    if (lines.admits()) {
      lines.write(
          "%s: from the proxy; through %s as %s".formatted(describe(buf), exitName(), words(as)));
    }
  }

  void sentToHost(ByteBuf buf, AddressTranslator.Translated as) {
    if (lines.admits()) {
      lines.write(
          "%s: through %s; to the proxy for %s".formatted(describe(buf), exitName(), words(as)));
    }
  }

  /** A packet from the world may not live longer. */
  void expired(ByteBuf buf) {
    if (lines.admits()) {
      lines.write("%s: through %s; dropped: TTL".formatted(describe(buf), exitName()));
    }
  }

  private String exitName() {
    var exit = config.exit();
    return exit == null ? "nothing" : exit.name();
  }

  private static String words(AddressTranslator.Translated as) {
    return Ipv4Address.toString(as.address())
        + (as.protocol() == Ipv4Packet.PROTOCOL_ICMP ? " id " : " port ")
        + as.number();
  }
}
