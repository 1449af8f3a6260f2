/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import org.torvtl.link.Link;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.EthernetFrame;

/**
 * Answers ARP for every address that is not a guest's own, nor the host's, whose kernel answers for
 * them itself. RFC 826; RFC 5227 for probes. Where guests do not hear each other, no address is
 * another's, and nothing is learnt of what they claim.
 */
final class ArpInput {
  private final Link link;
  private final StackConfig config;
  private final StackCounters counters;
  private final Admission admission;
  private final TcpTable tcp;
  private final PacketWriter writer;
  private final NeighborCache neighbors = new NeighborCache();
  private final ArpPacket arp = new ArpPacket();

  ArpInput(
      Link link,
      StackConfig config,
      StackCounters counters,
      Admission admission,
      TcpTable tcp,
      PacketWriter writer) {
    this.link = link;
    this.config = config;
    this.counters = counters;
    this.admission = admission;
    this.tcp = tcp;
    this.writer = writer;
  }

  /**
   * Takes an ARP packet from a guest.
   *
   * @param ethernet laid over {@code frame}
   */
  void receive(long guest, EthernetFrame ethernet, ByteBuf frame, long now) {
    if (!admission.admitsAnswer(WorkCost.FRAME, now)) {
      return;
    }
    arp.wrap(frame, ethernet.payloadOffset(), ethernet.payloadLength());
    var defect = arp.defect();
    if (defect != null) {
      counters.malformed(Protocol.ARP, defect);
      return;
    }
    if (arp.senderMac() != guest) {
      counters.drop(Drop.ARP_SENDER);
      return;
    }
    if (!arp.isProbe()) {
      tcp.heard(guest, arp.senderIp(), now);
    }
    boolean isShared = !link.isolatesGuests();
    if (isShared) {
      learn(guest, now);
    }
    boolean asks = arp.operation() == ArpPacket.REQUEST && !arp.isProbe() && !arp.isAnnouncement();
    if (!asks || (isShared && !isAnyones(arp.targetIp(), guest, now))) {
      return;
    }
    if (config.hostAddresses().test(arp.targetIp())) {
      counters.drop(Drop.HOST_ADDRESS);
      return;
    }
    if (isShared) {
      neighbors.answered(arp.targetIp(), guest, admission.owner(now), now);
    }
    writer.arpReply(guest, arp.senderIp(), arp.targetIp());
  }

  private void learn(long guest, long now) {
    // No guest is the gateway, whatever it says.
    if (!arp.isProbe()
        && arp.senderIp() != config.address()
        && !neighbors.learn(arp.senderIp(), guest, admission.owner(now), now)) {
      counters.drop(Drop.ARP_CLAIM);
    }
  }

  /** Whether no other guest has the address; one that asks for an address has given it up. */
  private boolean isAnyones(int address, long asker, long now) {
    var neighbor = neighbors.at(address, now);
    return neighbor == null || neighbor == asker;
  }
}
