/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/**
 * The capture file, as tcpdump reads it, and what becomes of the link when it cannot be written.
 */
class PcapngLinkTest {
  private static final long TIME = 1_700_000_000_123_456_789L;
  private static final int GUEST = Ipv4Address.parse("10.0.0.2");
  private static final int SERVER = Ipv4Address.parse("192.0.2.7");

  private final Path folder;

  PcapngLinkTest(@TempDir Path folder) {
    this.folder = folder;
  }

  /** What a link's receiver was given. */
  private static final class Received implements Link.Receiver {
    final List<String> frames = new ArrayList<>();
    int batches;

    @Override
    public void frame(ByteBuf frame) {
      frames.add(hex(frame));
    }

    @Override
    public void trustedFrame(ByteBuf frame) {
      frames.add("trusted " + hex(frame));
    }

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {
      batches++;
    }

    @Override
    public void allocationFailed() {
      // It holds nothing that it could free.
    }

    @Override
    public void failed(IOException cause) {
      throw new IllegalStateException(cause);
    }
  }

  private static String hex(ByteBuf frame) {
    return HexFormat.of().formatHex(bytes(frame));
  }

  private static byte[] bytes(ByteBuf frame) {
    var bytes = new byte[frame.readableBytes()];
    frame.getBytes(frame.readerIndex(), bytes);
    return bytes;
  }

  private static ByteBuf datagram(int source, int destination, int port, int payload) {
    int length = Ipv4Packet.HEADER_LENGTH + UdpDatagram.HEADER_LENGTH + payload;
    var buf = Unpooled.directBuffer(length).writeZero(length);
    new Ipv4Packet()
        .wrap(buf, 0, length)
        .compose(source, destination, 17, 1, true, UdpDatagram.HEADER_LENGTH + payload);
    new UdpDatagram()
        .wrap(buf, Ipv4Packet.HEADER_LENGTH, UdpDatagram.HEADER_LENGTH + payload)
        .compose(source, destination, 4000, port, payload);
    return buf;
  }

  private static String tcpdump(Path file, String... arguments) throws Exception {
    var command = new ArrayList<>(List.of("tcpdump", "-n", "-tttt", "-r", file.toString()));
    command.addAll(List.of(arguments));
    var process = new ProcessBuilder(command).redirectErrorStream(true).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    return output;
  }

  @Test
  void tcpdumpReadsBothDirections() throws Exception {
    var file = folder.resolve("guest.pcapng");
    var cable = MemoryLink.pair(Link.Medium.IP, 1500);
    var received = new Received();
    try (var link =
        new PcapngLink(
            cable[0], CaptureFile.create(file, false), () -> TIME, PcapngLinkTest::unexpected)) {
      cable[0].start(link.recorded(received));
      // An odd length, so that the block is padded.
      cable[1].send(datagram(GUEST, SERVER, 53, 5), Unpooled.EMPTY_BUFFER);
      cable[0].deliver();
      var answer = datagram(SERVER, GUEST, 54, 1000);
      link.send(answer.slice(0, 28), answer.slice(28, 1000));
      assertThat(received.frames).hasSize(1);
      assertThat(received.batches).isEqualTo(1);
      assertThat(link.counters().captureDrops).isZero();
    }
    assertThat(tcpdump(file))
        .contains("link-type RAW")
        .contains("10.0.0.2.4000 > 192.0.2.7.53")
        .contains("192.0.2.7.4000 > 10.0.0.2.54")
        .contains(".123456")
        .containsOnlyOnce("10.0.0.2.4000");
    // An enhanced packet block's flags: an option of 4 bytes, 1 for inbound and 2 for outbound.
    var hex = HexFormat.of().formatHex(Files.readAllBytes(file));
    assertThat(hex).containsOnlyOnce("0200040001000000").containsOnlyOnce("0200040002000000");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  @Test
  void anEthernetCaptureSaysSo() throws Exception {
    var file = folder.resolve("ethernet.pcapng");
    var cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
    try (var link =
        new PcapngLink(
            cable[0], CaptureFile.create(file, false), () -> TIME, PcapngLinkTest::unexpected)) {
      link.send(Unpooled.directBuffer().writeZero(64), Unpooled.EMPTY_BUFFER);
    }
    assertThat(tcpdump(file)).contains("link-type EN10MB");
  }

  @Test
  void framesOfEachKindArePassedOnAsTheyCame() throws Exception {
    var cable = MemoryLink.pair(Link.Medium.IP, 1500);
    var received = new Received();
    try (var link =
        new PcapngLink(
            cable[0],
            CaptureFile.create(folder.resolve("kinds"), false),
            () -> TIME,
            PcapngLinkTest::unexpected)) {
      var recorded = link.recorded(received);
      recorded.frame(Unpooled.wrappedBuffer(new byte[] {1}));
      recorded.trustedFrame(Unpooled.wrappedBuffer(new byte[] {2}));
    }
    assertThat(received.frames).containsExactly("01", "trusted 02");
  }

  private static void unexpected(IOException failure) {
    throw new IllegalStateException(failure);
  }

  @Test
  void aFullDiskStopsTheRecordingAndNothingElse() throws Exception {
    var told = new CountDownLatch(1);
    var failures = new ArrayList<IOException>();
    var cable = MemoryLink.pair(Link.Medium.IP, 1500);
    var received = new Received();
    var link =
        new PcapngLink(
            cable[0],
            CaptureTarget.of(FileChannel.open(Path.of("/dev/full"), StandardOpenOption.WRITE)),
            () -> TIME,
            failure -> {
              failures.add(failure);
              told.countDown();
            });
    cable[0].start(link.recorded(received));
    assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
    for (int i = 0; i < 3; i++) {
      cable[1].send(datagram(GUEST, SERVER, 53, 5), Unpooled.EMPTY_BUFFER);
      cable[0].deliver();
    }
    link.close();
    assertThat(link.counters().captureDrops).isEqualTo(3);
    assertThat(received.frames).hasSize(3);
    assertThat(failures).hasSize(1);
    assertThat(failures.getFirst()).hasMessageContaining("No space left");
  }

  /** A channel that takes nothing until it is closed, as a pipe that nobody reads. */
  private static final class Stuck implements WritableByteChannel {
    private final CountDownLatch closed = new CountDownLatch(1);

    @Override
    public int write(ByteBuffer bytes) throws IOException {
      try {
        closed.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new IOException("closed");
    }

    @Override
    public boolean isOpen() {
      return closed.getCount() > 0;
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  @Test
  void aFileThatTakesNothingLosesFramesButNeverWaits() {
    var stuck = new Stuck();
    var frame = Unpooled.directBuffer().writeZero(1500);
    try (var writer =
        new PcapngWriter(
            CaptureTarget.of(stuck), "memory0", PcapngWriter.LINKTYPE_ETHERNET, failure -> {})) {
      for (int i = 0; i < 10_000; i++) {
        writer.record(TIME, PcapngWriter.INBOUND, frame, Unpooled.EMPTY_BUFFER);
      }
      // 17 batches of at most 256 KiB are under way; all else is lost, and counted.
      assertThat(writer.lost()).isBetween(6_000L, 8_000L);
      stuck.close();
    }
  }

  /** What no target should throw ends the capture as a failed write does. */
  @Test
  void anErrorOfTheTargetIsTold() throws Exception {
    var told = new CompletableFuture<IOException>();
    var target =
        new CaptureTarget() {
          @Override
          public void begin(ByteBuffer header) {
            throw new OutOfMemoryError("a test's");
          }

          @Override
          public void write(ByteBuffer blocks) {}

          @Override
          public void close() {}
        };
    var writer =
        new PcapngWriter(target, "memory0", PcapngWriter.LINKTYPE_ETHERNET, told::complete);
    assertThat(told.get(30, TimeUnit.SECONDS)).hasMessageContaining("OutOfMemoryError");
    writer.record(TIME, PcapngWriter.INBOUND, Unpooled.buffer(), Unpooled.EMPTY_BUFFER);
    writer.close();
    assertThat(writer.lost()).isOne();
  }
}
