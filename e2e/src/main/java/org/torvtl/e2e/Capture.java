/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/**
 * A {@code tcpdump} on a {@link Machine}'s own network: one interface, or all that are or will be
 * there.
 */
public final class Capture implements Closeable {
  private static final Duration DEADLINE = Duration.ofMinutes(1);

  /** The statistics that tcpdump prints on SIGUSR1, on one line, and at its end, on three. */
  private static final Pattern STATISTICS =
      Pattern.compile(
          "(\\d+) packets? captured,?\\s+(\\d+) packets? received by filter,?\\s+"
              + "(\\d+) packets? dropped by kernel");

  private static final AtomicInteger COUNT = new AtomicInteger();

  /** libpcap's file format: a file header, then a header before each packet. */
  private static final int FILE_HEADER = 24, PACKET_HEADER = 16, MICROSECONDS_MAGIC = 0xA1B2C3D4;

  private static final int LINK_TYPE = 20, CAPTURED_LENGTH = 8;
  private static final int LINKTYPE_ETHERNET = 1, LINKTYPE_LINUX_SLL2 = 276;

  /** Datagrams to loopback ports from this one on mark how far a capture of all interfaces is. */
  private static final int FIRST_MARK_PORT = 61_009, LAST_MARK_PORT = 61_999;

  private final Machine machine;
  private final RunningCommand tcpdump;
  private final Path file;
  private final boolean seesLoopback;
  private int nextMarkPort = FIRST_MARK_PORT;

  /** What was read of the file, up to {@link #at}. */
  private final List<CapturedPacket> packets = new ArrayList<>();

  private long at;
  private ByteOrder byteOrder = ByteOrder.BIG_ENDIAN;
  private int linkType;

  private Capture(Machine machine, RunningCommand tcpdump, Path file, boolean seesLoopback) {
    this.machine = machine;
    this.tcpdump = tcpdump;
    this.file = file;
    this.seesLoopback = seesLoopback;
  }

  /** Captures on every interface. */
  public static Capture ofAll(Machine machine) throws IOException, InterruptedException {
    return start(machine, List.of(), "any", "LINUX_SLL2");
  }

  /** Captures on one Ethernet interface. */
  public static Capture of(Machine machine, String networkInterface)
      throws IOException, InterruptedException {
    return start(machine, List.of(), networkInterface, "EN10MB");
  }

  /** Captures on one Ethernet interface of a network namespace of the machine. */
  public static Capture in(Machine machine, String namespace, String networkInterface)
      throws IOException, InterruptedException {
    return start(machine, List.of("ip", "netns", "exec", namespace), networkInterface, "EN10MB");
  }

  private static Capture start(
      Machine machine, List<String> prefix, String networkInterface, String linkType)
      throws IOException, InterruptedException {
    var path = "/run/capture-%d.pcap".formatted(COUNT.incrementAndGet());
    var command = new ArrayList<>(prefix);
    command.addAll(
        List.of(
            "tcpdump",
            "--interface=" + networkInterface,
            "--linktype=" + linkType,
            "--no-promiscuous-mode",
            "--immediate-mode",
            "--packet-buffered",
            "--snapshot-length=128",
            "--buffer-size=65536",
            "--relinquish-privileges=root",
            "-n",
            "-w",
            path));
    var tcpdump = machine.start(command);
    tcpdump.awaitOutput("'listening on'", text -> text.contains("listening on"), DEADLINE);
    return new Capture(machine, tcpdump, machine.file(path), networkInterface.equals("any"));
  }

  /**
   * Gives all that was captured until now, in order; the capture goes on.
   *
   * @throws IllegalStateException if the kernel dropped some of it
   */
  public List<CapturedPacket> soFar() throws IOException, InterruptedException {
    catchUp();
    requireNoGaps(statistics());
    return readWithoutMarks();
  }

  /**
   * Ends the capture and gives all of it, in order.
   *
   * @throws IllegalStateException if the kernel dropped some of it
   */
  public List<CapturedPacket> end() throws IOException, InterruptedException {
    catchUp();
    Signal.INT.to(Machine.processOf(tcpdump));
    var result = tcpdump.await(DEADLINE).orThrow();
    requireNoGaps(allStatistics(result.err()).getLast());
    return readWithoutMarks();
  }

  private void catchUp() throws IOException, InterruptedException {
    if (seesLoopback) {
      int port = nextMarkPort++;
      if (port > LAST_MARK_PORT) {
        throw new IllegalStateException("too many marks in one capture");
      }
      machine.script("echo mark >/dev/udp/127.0.0.1/" + port);
      Waiting.until(
          "the capture to catch up",
          DEADLINE,
          () -> read().stream().anyMatch(packet -> isMark(packet, port)));
    } else {
      long received = statistics().received();
      Waiting.until("the capture to catch up", DEADLINE, () -> statistics().captured() >= received);
    }
  }

  private static void requireNoGaps(Statistics statistics) {
    if (statistics.dropped() != 0) {
      throw new IllegalStateException("the capture has gaps: " + statistics);
    }
  }

  /** What tcpdump wrote to the file, what the kernel has for it with that, and what it lost. */
  private record Statistics(long captured, long received, long dropped) {}

  /** Those of now. On loopback, where it sees each packet twice, tcpdump writes down half. */
  private Statistics statistics() throws IOException, InterruptedException {
    int before = allStatistics(tcpdump.output()).size();
    Signal.USR1.to(Machine.processOf(tcpdump));
    tcpdump.awaitOutput("statistics", text -> allStatistics(text).size() > before, DEADLINE);
    return allStatistics(tcpdump.output()).getLast();
  }

  private static List<Statistics> allStatistics(String output) {
    return STATISTICS
        .matcher(output)
        .results()
        .map(found ->
            new Statistics(
                Long.parseLong(found.group(1)),
                Long.parseLong(found.group(2)),
                Long.parseLong(found.group(3))))
        .toList();
  }

  /** A mark itself, and the kernel's answer that nobody listens there. */
  private static boolean isOfAMark(CapturedPacket packet) {
    return packet.source().equals("127.0.0.1")
        && packet.destination().equals("127.0.0.1")
        && ((packet.protocol() == CapturedPacket.UDP
                && packet.destinationPort() >= FIRST_MARK_PORT
                && packet.destinationPort() <= LAST_MARK_PORT)
            || packet.protocol() == CapturedPacket.ICMP);
  }

  private static boolean isMark(CapturedPacket packet, int port) {
    return packet.protocol() == CapturedPacket.UDP
        && packet.destination().equals("127.0.0.1")
        && packet.destinationPort() == port;
  }

  private List<CapturedPacket> readWithoutMarks() throws IOException {
    return read().stream().filter(packet -> !isOfAMark(packet)).toList();
  }

  /** All that is in the file by now; what was read before is not read again. */
  private List<CapturedPacket> read() throws IOException {
    try (var channel = FileChannel.open(file)) {
      if (channel.size() < FILE_HEADER) {
        return packets;
      }
      if (at == 0) {
        readFileHeader(ByteBuffer.wrap(bytesOf(channel, FILE_HEADER)));
      }
      channel.position(at);
      var data = ByteBuffer.wrap(bytesOf(channel, Math.toIntExact(channel.size() - at)));
      data.order(byteOrder);
      int next = 0;
      // The last packet may still be on its way to the file.
      while (next + PACKET_HEADER <= data.limit()
          && next + PACKET_HEADER + data.getInt(next + CAPTURED_LENGTH) <= data.limit()) {
        int length = data.getInt(next + CAPTURED_LENGTH);
        packets.add(parse(linkType, data.slice(next + PACKET_HEADER, length)));
        next += PACKET_HEADER + length;
      }
      at += next;
    }
    return packets;
  }

  private static byte[] bytesOf(FileChannel channel, int count) throws IOException {
    var buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
      // Reads on.
    }
    return Arrays.copyOf(buffer.array(), buffer.position());
  }

  private void readFileHeader(ByteBuffer header) throws IOException {
    if (header.getInt(0) != MICROSECONDS_MAGIC) {
      header.order(ByteOrder.LITTLE_ENDIAN);
    }
    if (header.getInt(0) != MICROSECONDS_MAGIC) {
      throw new IOException(file + " is no capture in libpcap's format");
    }
    byteOrder = header.order();
    linkType = header.getInt(LINK_TYPE) & 0x0FFF_FFFF;
    at = FILE_HEADER;
  }

  /** A slice is in network byte order whatever the order of its parent. */
  private static CapturedPacket parse(int linkType, ByteBuffer frame) throws IOException {
    var source = new byte[6];
    return switch (linkType) {
      case LINKTYPE_ETHERNET -> {
        frame.get(6, source);
        yield CapturedPacket.parse(0, source, frame.getShort(12) & 0xFFFF, frame.position(14));
      }
      case LINKTYPE_LINUX_SLL2 -> {
        frame.get(12, source);
        yield CapturedPacket.parse(
            frame.getInt(4), source, frame.getShort(0) & 0xFFFF, frame.position(20));
      }
      default -> throw new IOException("a capture of link type " + linkType);
    };
  }

  @Override
  public void close() {
    tcpdump.close();
  }
}
