/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two guests on one segment: one sends the worst packets of each protocol as fast as they go, the
 * other pings. How long the pings take, the benchmark's row {@code neighbor} tells.
 */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WorstPacketsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final Duration FLOOD = Duration.ofSeconds(1);

  /** Longer, so that what a port's rules let through in one go counts less. */
  private static final Duration MEASURED_FLOOD = Duration.ofSeconds(2);

  private static final String NOT_TOR = "127.0.0.1", NOT_TOR_PORT = "9055";

  /** What a port's rules let through to the TAP, and a program of two cores takes at ease. */
  private static final int MOST_PACKETS_A_SECOND = 100_000;

  /** Twice a port's TCP. */
  private static final long MOST_BYTES_A_SECOND = 600L << 20;

  /**
   * Sends frames for two seconds of which each stands for thousands of packets of a few bytes, and
   * which the kernel cuts up where a device does not take them whole: by UDP_SEGMENT, which takes
   * no privilege, or with virtio headers (linux/virtio_net.h), as a machine's network card hands
   * them over.
   */
  private static final String SUPER_FRAMES =
      """
      import socket, struct, sys, time
      kind, device, gateway = sys.argv[1:]
      UDP_SEGMENT, SOL_PACKET, PACKET_VNET_HDR = 103, 263, 15
      def ipv4(protocol, payload):
        header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                             bytes([10, 0, 0, 3]), bytes([203, 0, 113, 7]))
        total = sum(struct.unpack('!10H', header))
        total = (total >> 16) + (total & 0xffff)
        return header[:10] + struct.pack('!H', ~total & 0xffff) + header[12:] + payload
      def virtio(frame, gso, size, start, checksum):
        return struct.pack('=BBHHHH', 1, gso, start + (20 if checksum == 16 else 8), size, start,
                           checksum) + frame
      def tcp(payload):
        return struct.pack('!HHIIBBHHH', 1000, 80, 1, 1, 0x50, 0x10, 1000, 0, 0) + payload
      if kind in ('datagrams', 'queries'):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(('203.0.113.7', 53 if kind == 'queries' else 9))
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1)
        message = bytes(120)
      else:
        own = bytes.fromhex(open('/sys/class/net/%s/address' % device).read().strip().replace(':', ''))
        target = bytes.fromhex(gateway.replace(':', ''))
        big = bytes(50000)
        if kind == 'fragments':
          udp = struct.pack('!HHHH', 1000, 9, 8 + len(big), 0) + big
          message = virtio(target + own + b'\\x08\\x00' + ipv4(17, udp), 3, 8, 34, 6)
        elif kind == 'tagged':
          message = virtio(target + own + b'\\x81\\x00\\x00\\x00\\x08\\x00' + ipv4(6, tcp(big)), 1, 8, 38, 16)
        elif kind == 'ecn':
          message = virtio(target + own + b'\\x08\\x00' + ipv4(6, tcp(big)), 0x81, 8, 34, 16)
        elif kind == 'long':
          message = virtio(target + own + b'\\x08\\x00' + ipv4(6, tcp(big)), 1, 1400, 34, 16)
        else:
          message = virtio(b'\\x02' * 6 + b'\\x02\\0\\0\\0\\0\\1' + b'\\x08\\x00' + ipv4(6, tcp(big)), 1, 8, 34, 16)
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        s.bind((device, 0))
      print('sending', flush=True)
      end, sent, failed = time.time() + 2, 0, None
      while time.time() < end:
        try:
          s.send(message)
          sent += 1
        except OSError as e:
          failed = e
      print(sent, failed)
      """;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Gateway gateway;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private NetworkNamespace neighbor;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private NetworkNamespace flooder;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private String gatewayMac;

  @BeforeAll
  void start() throws Exception {
    machine = Machine.boot();
    // What greets as a proxy does, and never answers a request.
    var words = new ArrayList<>(List.of("setpriv", "--reuid=105", "--clear-groups"));
    words.addAll(Machine.listener(NOT_TOR, NOT_TOR_PORT));
    machine.start(words).awaitLine("Listening", DEADLINE);
    gateway = Gateway.start(machine, "tap0", "-v", "-a", NOT_TOR, "-p", NOT_TOR_PORT);
    machine.script(
        """
        ip link add name bridge0 type bridge
        ip link set bridge0 up
        ip link set tap0 master bridge0
        ip link set tap0 up
        """);
    neighbor = atBridge("neighbor", "10.0.0.2/8");
    flooder = atBridge("flooder", "10.0.0.3/8");
    gatewayMac =
        neighbor
            .script(
                DEADLINE,
                """
                ping -n -c 1 -W 10 10.0.0.1 >/dev/null
                ip neighbour show 10.0.0.1 | grep -o "lladdr [0-9a-f:]*" | cut -d" " -f2
                """)
            .orThrow()
            .line();
  }

  @AfterAll
  void powerOff() throws Exception {
    var last = machine;
    try (last) {
      assertThat(gateway.stop(Signal.TERM).toString())
          .contains("drop.over_share ", "dns.too_long ")
          .doesNotContain("drop.failed ");
    }
  }

  private NetworkNamespace atBridge(String name, String cidr) throws Exception {
    var guest = new NetworkNamespace(machine, name);
    machine.script(
        """
        ip link add "port-$1" type veth peer name eth0 netns "$1"
        ip link set "port-$1" master bridge0
        ip link set "port-$1" up
        ip -n "$1" address add "$2" dev eth0
        ip -n "$1" link set eth0 up
        ip -n "$1" route add default via 10.0.0.1
        """,
        name,
        cidr);
    return guest;
  }

  /** All but one that needs a stream: {@code FloodTest} has it. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "REPEATED")
  void aGuestIsServedBesideOneThatSendsThem(WorstPacket packet) throws Exception {
    var flood = flooder.start(Flood.command(Machine.PROJECT, "eth0", gatewayMac, packet, FLOOD));
    flood.awaitLine("sending", DEADLINE);
    var beside = pings("10", "0.05");
    // Loose, for a busy machine whose gateway has not compiled its code yet; make bench measures
    // it.
    // A backlog of the worst that was found, half a second a packet, was longer than the deadline.
    assertThat(beside).as("round trips during the flood, ms").isNotEmpty();
    assertThat(beside.get(beside.size() / 2)).as("their median").isLessThan(1_000);
    flood.await(DEADLINE).orThrow();
    assertThat(pings("1", "1")).as("pings answered after it").hasSize(1);
    assertThat(gateway.isRunning()).isTrue();
  }

  /** Each passed its port as one packet: a neighbor lost half of its pings. */
  @ParameterizedTest
  @ValueSource(strings = {"datagrams", "queries", "fragments", "tagged", "ecn", "long", "tunnel"})
  void aGuestIsServedBesideFramesThatAreCutUp(String kind) throws Exception {
    if (kind.equals("tunnel")) {
      machine.script(
          """
          ip -n flooder neighbor replace 203.0.113.66 lladdr "$1" dev eth0
          ip -n flooder link add vx type vxlan id 7 dstport 4789 remote 203.0.113.66 dev eth0
          ip -n flooder link set vx up
          """,
          gatewayMac);
    }
    long before = ofTheTap("packets");
    long bytesBefore = ofTheTap("bytes");
    var flood =
        flooder.start(
            List.of(
                "/usr/bin/python3",
                "-c",
                SUPER_FRAMES,
                kind,
                kind.equals("tunnel") ? "vx" : "eth0",
                gatewayMac));
    flood.awaitLine("sending", DEADLINE);
    var beside = pings("10", "0.1");
    var sent = flood.await(DEADLINE).orThrow().out();
    assertThat(sent).as("frames").containsPattern("\n[1-9]\\d{2,}");
    assertThat(beside).as("round trips during the flood, ms").hasSizeGreaterThan(5);
    assertThat((ofTheTap("bytes") - bytesBefore) / MEASURED_FLOOD.toSeconds())
        .as("bytes a second at the TAP")
        .isLessThan(MOST_BYTES_A_SECOND);
    assertThat((ofTheTap("packets") + ofTheTap("dropped") - before) / MEASURED_FLOOD.toSeconds())
        .as("packets a second at the TAP, of frames and errors:%s", sent)
        .isLessThan(MOST_PACKETS_A_SECOND);
    assertThat(pings("1", "1")).as("pings answered after it").hasSize(1);
    assertThat(gateway.isRunning()).isTrue();
  }

  private long ofTheTap(String what) throws Exception {
    return Long.parseLong(
        machine.script("cat /sys/class/net/tap0/statistics/tx_\"$1\"", what).line());
  }

  /** As QUIC sends them. */
  @Test
  void datagramsThatAreSentInOneFrameAreRefusedAtOnce() throws Exception {
    var result =
        neighbor.run(
            DEADLINE,
            "/usr/bin/python3",
            "-c",
            """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(('203.0.113.7', 443))
            s.setsockopt(socket.IPPROTO_UDP, 103, 400)
            s.settimeout(20)
            try:
              s.send(bytes(1200))
              print(s.recv(1))
            except OSError as e:
              print(e)
            """);
    assertThat(result.out()).contains("o route to host");
  }

  /** The round trips of those pings that are answered within 10 s, in ms, ascending. */
  private List<Double> pings(String count, String interval) throws Exception {
    var out =
        neighbor
            .run(DEADLINE, "ping", "-n", "-c", count, "-i", interval, "-W", "10", "10.0.0.1")
            .out();
    return out.lines()
        .filter(line -> line.contains("time="))
        .map(line -> Double.valueOf(line.replaceFirst(".*time=([0-9.]+) ms.*", "$1")))
        .sorted()
        .toList();
  }
}
