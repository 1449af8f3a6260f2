/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.torvtl.link.linux.BpfAssembler.R0;
import static org.torvtl.link.linux.BpfAssembler.R1;
import static org.torvtl.link.linux.BpfAssembler.R6;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.Link;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** The rule in Java, and the kernel's run of the program: needs root. */
class SteeringTest {
  private static final int GUEST = 0x0A000002, FAR = 0xC0000207;
  private static final int PAYLOAD = 100;
  private static final int TYPE_VLAN = 0x8100;

  /** The kernel cuts an Ethernet header off what it is given for a test. */
  private static final int CUT_OFF = EthernetFrame.HEADER_LENGTH;

  private static final int PROG_TEST_RUN = 10, ATTRIBUTES_LENGTH = 80;

  /** A program in the kernel, and the same rule in Java. */
  private static final class Rule implements AutoCloseable {
    final Steering steering;
    private final int program;

    Rule(Link.Medium medium, int queues) throws SystemCallException {
      steering = new Steering(medium, queues);
      program = steering.load();
    }

    /** What both say. */
    int queue(ByteBuf frame) {
      int queue = steering.queue(frame);
      assertThat(inKernel(frame)).as(ByteBufUtil.hexDump(frame)).isEqualTo(queue);
      return queue;
    }

    private int inKernel(ByteBuf frame) {
      try (var arena = Arena.ofConfined()) {
        var bytes = new byte[CUT_OFF + frame.readableBytes()];
        frame.getBytes(frame.readerIndex(), bytes, CUT_OFF, frame.readableBytes());
        var run = arena.allocate(ATTRIBUTES_LENGTH, Long.BYTES);
        run.set(JAVA_INT, 0, program);
        run.set(JAVA_INT, 8, bytes.length);
        run.set(JAVA_LONG, 16, arena.allocateFrom(JAVA_BYTE, bytes).address());
        assertThat(Libc.bpf(PROG_TEST_RUN, run)).isZero();
        return run.get(JAVA_INT, 4);
      }
    }

    @Override
    public void close() {
      Libc.close(program);
    }
  }

  static ByteBuf tcp(Link.Medium medium, int source, int destination, int sourcePort) {
    int ip = medium == Link.Medium.ETHERNET ? EthernetFrame.HEADER_LENGTH : 0;
    int tcp = ip + Ipv4Packet.HEADER_LENGTH;
    int length = TcpSegment.MIN_HEADER_LENGTH + PAYLOAD;
    var frame = Unpooled.buffer(tcp + length).writeZero(tcp + length);
    if (ip != 0) {
      new EthernetFrame()
          .wrap(frame, 0, ip)
          .compose(0x02_00_00_00_00_01L, 0x02_00_00_00_00_02L, EthernetFrame.TYPE_IPV4);
    }
    var packet =
        new Ipv4Packet()
            .wrap(frame, ip, Ipv4Packet.HEADER_LENGTH)
            .compose(source, destination, Ipv4Packet.PROTOCOL_TCP, 7, false, length);
    var segment = new TcpSegment();
    var header = new TcpHeader().sequence(1).flags(TcpSegment.SYN).window(1000);
    segment.compose(frame, tcp, sourcePort, 80, header);
    segment.startChecksum(packet.pseudoHeaderSum());
    return frame.setIndex(0, tcp + length);
  }

  /** A router behind the guest says that a packet of the host's was too large for its next link. */
  private static ByteBuf tooLarge(Link.Medium medium, int guest, int host) {
    int ip = medium == Link.Medium.ETHERNET ? EthernetFrame.HEADER_LENGTH : 0;
    int icmp = ip + Ipv4Packet.HEADER_LENGTH;
    var frame = tcp(medium, guest + 1, host, 1).writeZero(16);
    packet(frame, medium).compose(guest + 1, host, Ipv4Packet.PROTOCOL_ICMP, 1, false, 8 + 28);
    new Ipv4Packet()
        .wrap(frame, icmp + 8, Ipv4Packet.HEADER_LENGTH)
        .compose(host, guest, Ipv4Packet.PROTOCOL_TCP, 2, true, 1000);
    frame.setShort(icmp, 0x0304).setShort(icmp + 6, 1280);
    return frame.setIndex(0, icmp + 8 + 28);
  }

  @ParameterizedTest
  @EnumSource
  void thatAPacketWasTooLargeIsHeardWhereItsConnectionIs(Link.Medium medium) throws Exception {
    try (var rule = new Rule(medium, 16)) {
      for (int host = 0; host < 64; host++) {
        int queue = rule.queue(tcp(medium, GUEST, FAR + host, 40_000));
        assertThat(rule.queue(tooLarge(medium, GUEST, FAR + host))).isEqualTo(queue);
      }
    }
  }

  private static Ipv4Packet packet(ByteBuf frame, Link.Medium medium) {
    int ip = medium == Link.Medium.ETHERNET ? EthernetFrame.HEADER_LENGTH : 0;
    return new Ipv4Packet().wrap(frame, ip, frame.readableBytes() - ip);
  }

  @ParameterizedTest
  @EnumSource
  void allOfAConnectionIsInOneQueueItsFragmentsToo(Link.Medium medium) throws Exception {
    try (var rule = new Rule(medium, 4)) {
      for (int host = 0; host < 64; host++) {
        int queue = rule.queue(tcp(medium, GUEST, FAR + host, 40_000));
        assertThat(rule.queue(tcp(medium, GUEST, FAR + host, 40_001))).isEqualTo(queue);
        for (int offset : new int[] {0, 8, 64_000}) {
          var fragment = tcp(medium, GUEST, FAR + host, 40_000);
          packet(fragment, medium).composeFragment(offset, offset == 0, PAYLOAD);
          // Behind the first one, there are no ports where they would be.
          fragment.setInt(fragment.readableBytes() - PAYLOAD - 20, offset * 0x10001);
          assertThat(rule.queue(fragment)).isEqualTo(queue);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void neighboursAreSharedOutEvenly(Link.Medium medium) throws Exception {
    for (int queues : new int[] {2, 3, 8, 16}) {
      try (var rule = new Rule(medium, queues)) {
        int hosts = 64 * queues;
        var byHost = new int[queues];
        var byGuest = new int[queues];
        for (int i = 0; i < hosts; i++) {
          byHost[rule.queue(tcp(medium, GUEST, FAR + i, 40_000))]++;
          byGuest[rule.queue(tcp(medium, GUEST + i, FAR, 40_000))]++;
        }
        assertEven(byHost);
        assertEven(byGuest);
      }
    }
  }

  /** About 64 each, more evenly than at random. */
  private static void assertEven(int[] counts) {
    assertThat(IntStream.of(counts)).allMatch(count -> count >= 56 && count <= 72);
  }

  @Test
  void whatIsNotTcpOverIpv4IsInTheFirstQueue() throws Exception {
    assertFirstOnly(
        Link.Medium.ETHERNET,
        frame ->
            packet(frame, Link.Medium.ETHERNET)
                .compose(GUEST, frame.getInt(30), Ipv4Packet.PROTOCOL_UDP, 1, false, 1));
    assertFirstOnly(
        Link.Medium.IP,
        frame ->
            packet(frame, Link.Medium.IP)
                .compose(GUEST, frame.getInt(16), Ipv4Packet.PROTOCOL_ICMP, 1, false, 1));
    assertFirstOnly(Link.Medium.ETHERNET, frame -> frame.setShort(12, EthernetFrame.TYPE_IPV6));
    assertFirstOnly(Link.Medium.ETHERNET, frame -> frame.setShort(12, TYPE_VLAN));
    assertFirstOnly(Link.Medium.IP, frame -> frame.setByte(0, 0x65));
    assertFirstOnly(
        Link.Medium.ETHERNET,
        frame -> {
          frame.setShort(12, EthernetFrame.TYPE_ARP);
          new ArpPacket()
              .wrap(frame, 14, ArpPacket.LENGTH)
              .compose(ArpPacket.REQUEST, 0x02_00_00_00_00_02L, GUEST, 0, frame.getInt(30));
        });
    // Cut within the destination address.
    assertFirstOnly(Link.Medium.ETHERNET, frame -> frame.writerIndex(33));
    assertFirstOnly(Link.Medium.IP, frame -> frame.writerIndex(19));
    assertFirstOnly(Link.Medium.IP, frame -> frame.writerIndex(1));
  }

  /** What a change makes of frames that are spread over the queues. */
  private static void assertFirstOnly(Link.Medium medium, Consumer<ByteBuf> change)
      throws Exception {
    try (var rule = new Rule(medium, 16)) {
      for (int host = 0; host < 32; host++) {
        var frame = tcp(medium, GUEST, FAR + host, 40_000);
        change.accept(frame);
        assertThat(rule.queue(frame)).isZero();
      }
    }
  }

  /** Whatever a guest sends, the two are of one mind. */
  @ParameterizedTest
  @EnumSource
  void theKernelSaysTheSame(Link.Medium medium) throws Exception {
    var random = new SplittableRandom(medium.ordinal());
    try (var rule = new Rule(medium, 5)) {
      for (int i = 0; i < 5000; i++) {
        var frame =
            random.nextBoolean()
                ? tcp(medium, random.nextInt(), random.nextInt(), random.nextInt(1, 65_536))
                : tooLarge(medium, random.nextInt(), random.nextInt());
        for (int damage = random.nextInt(4); damage > 0; damage--) {
          frame.setByte(random.nextInt(Math.min(60, frame.writerIndex())), random.nextInt());
        }
        int length = frame.writerIndex();
        frame.writerIndex(random.nextInt(4) == 0 ? random.nextInt(1, length) : length);
        assertThat(rule.queue(frame)).isBetween(0, 4);
      }
    }
  }

  @Test
  void instructionsAreEncodedAsTheKernelReadsThem() {
    var end = new BpfAssembler.Label();
    try (var arena = Arena.ofConfined()) {
      var program =
          MemorySegment.ofArray(
              new BpfAssembler()
                  .move(R6, R1)
                  .readHalf(12)
                  .jumpUnless(R0, 0x800, end)
                  .set(R1, 0x1122_3344_99AA_BBCCL)
                  .multiply(R0, R1)
                  .place(end)
                  .exit()
                  .assemble());
      var copy = arena.allocate(program.byteSize()).copyFrom(program);
      assertThat(ByteBufUtil.hexDump(copy.toArray(JAVA_BYTE)))
          .isEqualTo(
              "bf16000000000000"
                  + "280000000c000000"
                  + "5500030000080000"
                  + "18010000ccbbaa99"
                  + "0000000044332211"
                  + "2f10000000000000"
                  + "9500000000000000");
    }
  }

  @Test
  void aProgramThatIsNotTakenIsExplained() {
    assertThatThrownBy(() -> Steering.load(new BpfAssembler().exit().assemble()))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("cannot load the program")
        .hasMessageContaining("R0 !read_ok");
  }
}
