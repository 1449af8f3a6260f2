/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.torvtl.link.linux.BpfAssembler.R0;
import static org.torvtl.link.linux.BpfAssembler.R1;
import static org.torvtl.link.linux.BpfAssembler.R6;
import static org.torvtl.link.linux.BpfAssembler.R7;

import io.netty.buffer.ByteBuf;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.Link;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;

/**
 * Into which queue of a TAP or TUN with several queues a guest's frame goes.
 *
 * <p>Whoever reads a queue keeps the state of the connections in it for itself, so all frames of a
 * connection must come through the same queue, always. The kernel's own choice does not see to
 * that: it goes by ports, which only the first fragment of a packet has, and it moves flows between
 * queues as it sees fit. So the kernel gets a program of ours that chooses (TUNSETSTEERINGEBPF):
 *
 * <ul>
 *   <li>TCP over IPv4 goes by the source and the destination address, and no more, since these are
 *       in every fragment. So all connections of one guest to one host share a queue.
 *   <li>An ICMP message that a TCP packet was too large for the path goes where the connection does
 *       that it quotes.
 *   <li>All else goes into queue 0: ARP, DNS, ping, frames with a VLAN tag, and what is too short
 *       to tell. Who reads that queue knows all there is to know about who is on the link.
 * </ul>
 *
 * <p>The same rule is here in Java, {@link #queue}, and each queue's reader drops what is not its
 * own by it. That happens while queues are being opened and closed, for then their numbers are not
 * yet, or no longer, what they are to be; and were the program exchanged for another, connections
 * would stall rather than be taken apart.
 */
final class Steering {
  private static final int ETHER_TYPE = 12;
  private static final int VERSION = 0, PROTOCOL = 9, SOURCE = 12, DESTINATION = 16;
  private static final int VERSION_4 = 4;

  /** An IP header without options, and an ICMP message that quotes one: RFC 792, page 4. */
  private static final int PLAIN = 0x45, ICMP = 20, QUOTED = 28;

  /** Type 3, destination unreachable; code 4, fragmentation needed. RFC 1191, section 4. */
  private static final int TOO_LARGE = 3 << 8 | 4;

  /** Of the context: {@code struct __sk_buff}. A tag may stand beside the frame, not in it. */
  private static final int VLAN_PRESENT = 20;

  /**
   * By these, as parts of 2 to the power of 64, the addresses move a point on a circle of which
   * each queue has an equal part. They are the plastic number's powers -1 and -2, for which
   * neighbours, of either address or of both, fall evenly about the circle, more so than at random.
   */
  private static final long SOURCE_STEP = 0xC13F_A9A9_02A6_328FL,
      DESTINATION_STEP = 0x91E1_0DA5_C79E_7B1DL;

  // bpf(2)
  private static final int PROG_LOAD = 5, SOCKET_FILTER = 1;
  private static final int ATTRIBUTES_LENGTH = 48;
  private static final int TYPE = 0, COUNT = 4, INSTRUCTIONS = 8, LICENSE = 16;
  private static final int LOG_LEVEL = 24, LOG_LENGTH = 28, LOG = 32;
  private static final int LOG_CAPACITY = 64 << 10;

  private final int linkHeader;
  private final int queues;

  /**
   * @param medium what frames begin with
   * @param queues how many there are
   */
  Steering(Link.Medium medium, int queues) {
    this.linkHeader = medium == Link.Medium.ETHERNET ? EthernetFrame.HEADER_LENGTH : 0;
    this.queues = queues;
  }

  /** The queue that a frame, the readable part, belongs in. */
  int queue(ByteBuf frame) {
    int start = frame.readerIndex();
    int ip = start + linkHeader;
    if (frame.readableBytes() < linkHeader + Ipv4Packet.HEADER_LENGTH || !isIpv4(frame, start)) {
      return 0;
    }
    if (frame.getByte(ip + PROTOCOL) == Ipv4Packet.PROTOCOL_TCP) {
      return queue(frame, ip + SOURCE, ip + DESTINATION);
    }
    boolean tooLarge =
        frame.readableBytes() >= linkHeader + QUOTED + Ipv4Packet.HEADER_LENGTH
            && frame.getByte(ip + PROTOCOL) == Ipv4Packet.PROTOCOL_ICMP
            && frame.getByte(ip + VERSION) == PLAIN
            && frame.getUnsignedShort(ip + ICMP) == TOO_LARGE
            && frame.getByte(ip + QUOTED + PROTOCOL) == Ipv4Packet.PROTOCOL_TCP;
    // What it quotes was on its way to the guest.
    return tooLarge ? queue(frame, ip + QUOTED + DESTINATION, ip + QUOTED + SOURCE) : 0;
  }

  private int queue(ByteBuf frame, int guest, int host) {
    long point =
        frame.getUnsignedInt(guest) * SOURCE_STEP + frame.getUnsignedInt(host) * DESTINATION_STEP;
    return (int) ((point >>> 32) * queues >>> 32);
  }

  private boolean isIpv4(ByteBuf frame, int start) {
    return linkHeader == 0
        ? (frame.getByte(start) & 0xFF) >>> 4 == VERSION_4
        : frame.getUnsignedShort(start + ETHER_TYPE) == EthernetFrame.TYPE_IPV4;
  }

  /** The same for the kernel. */
  long[] program() {
    var program = new BpfAssembler();
    var other = new BpfAssembler.Label();
    program.move(R6, R1);
    if (linkHeader == 0) {
      program.readByte(VERSION).shiftRight(R0, 4).jumpUnless(R0, VERSION_4, other);
    } else {
      program
          .readContext(R0, R6, VLAN_PRESENT)
          .jumpUnless(R0, 0, other)
          .readHalf(ETHER_TYPE)
          .jumpUnless(R0, EthernetFrame.TYPE_IPV4, other);
    }
    var notTcp = new BpfAssembler.Label();
    program.readByte(linkHeader + PROTOCOL).jumpUnless(R0, Ipv4Packet.PROTOCOL_TCP, notTcp);
    choose(program, linkHeader + SOURCE, linkHeader + DESTINATION);
    program
        .place(notTcp)
        .jumpUnless(R0, Ipv4Packet.PROTOCOL_ICMP, other)
        .readByte(linkHeader + VERSION)
        .jumpUnless(R0, PLAIN, other)
        .readHalf(linkHeader + ICMP)
        .jumpUnless(R0, TOO_LARGE, other)
        .readByte(linkHeader + QUOTED + PROTOCOL)
        .jumpUnless(R0, Ipv4Packet.PROTOCOL_TCP, other);
    choose(program, linkHeader + QUOTED + DESTINATION, linkHeader + QUOTED + SOURCE);
    return program.place(other).set(R0, 0).exit().assemble();
  }

  private void choose(BpfAssembler program, int guest, int host) {
    program
        .readWord(guest)
        .set(R7, SOURCE_STEP)
        .multiply(R7, R0)
        .readWord(host)
        .set(R1, DESTINATION_STEP)
        .multiply(R0, R1)
        .add(R0, R7)
        .shiftRight(R0, 32)
        .set(R1, queues)
        .multiply(R0, R1)
        .shiftRight(R0, 32)
        .exit();
  }

  /**
   * Gives the program to the kernel.
   *
   * @return a descriptor of it, the caller's
   * @throws SystemCallException if the kernel does not take it, with what it says about it
   */
  int load() throws SystemCallException {
    return load(program());
  }

  static int load(long[] program) throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(ATTRIBUTES_LENGTH, Long.BYTES);
      attributes.set(JAVA_INT, TYPE, SOCKET_FILTER);
      attributes.set(JAVA_INT, COUNT, program.length);
      attributes.set(JAVA_LONG, INSTRUCTIONS, arena.allocateFrom(JAVA_LONG, program).address());
      // It calls no function of the kernel's that would ask for another.
      attributes.set(JAVA_LONG, LICENSE, arena.allocateFrom("Apache-2.0").address());
      int result = Libc.bpf(PROG_LOAD, attributes);
      if (result < 0) {
        String log = result == -Libc.EPERM ? "" : log(attributes, arena);
        throw new SystemCallException(
            "cannot load the program that shares frames out between queues",
            -result,
            result == -Libc.EPERM
                ? "run as root, or grant CAP_BPF; a container may need it by name"
                : log.isEmpty() ? "one queue works without it" : log);
      }
      return result;
    }
  }

  /** What the kernel's verifier says when it sees the program again. */
  private static String log(MemorySegment attributes, Arena arena) {
    var log = arena.allocate(LOG_CAPACITY);
    attributes.set(JAVA_INT, LOG_LEVEL, 1);
    attributes.set(JAVA_INT, LOG_LENGTH, LOG_CAPACITY);
    attributes.set(JAVA_LONG, LOG, log.address());
    int again = Libc.bpf(PROG_LOAD, attributes);
    if (again >= 0) {
      Libc.close(again);
    }
    return log.getString(0).strip();
  }
}
