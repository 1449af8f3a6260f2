/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** A full packet of a bulk transfer: IPv4 and TCP with timestamps, 1448 bytes of payload. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class PacketBenchmark {
  private static final int GUEST = Ipv4Address.parse("10.0.0.2");
  private static final int SERVER = Ipv4Address.parse("192.0.2.7");

  private final Ipv4Packet ip = new Ipv4Packet();
  private final TcpSegment tcp = new TcpSegment();
  private final TcpHeader header =
      new TcpHeader(new TcpOptions().timestamps(123_456, 654_321)).flags(TcpSegment.ACK);
  private final ByteBuf payload = Unpooled.directBuffer(1448).writeZero(1448);
  private final ByteBuf headers = Unpooled.directBuffer(128);
  private final ByteBuf packet = Unpooled.directBuffer(1500);

  /** A packet to be read. */
  @Setup
  public void writePacket() {
    int length = composeWithChecksum();
    packet.writeBytes(headers, 0, Ipv4Packet.HEADER_LENGTH + length);
    packet.writeBytes(payload, 0, payload.readableBytes());
  }

  /** Both headers found right, and the checksum over everything. */
  @Benchmark
  public @Nullable Defect readWithChecksum() {
    ip.wrap(packet, 0, packet.readableBytes());
    var defect = ip.defect();
    return defect != null
        ? defect
        : tcp.wrap(packet, ip.payloadOffset(), ip.payloadLength()).defect(ip.pseudoHeaderSum());
  }

  /** The same where the kernel vouches for the checksum. */
  @Benchmark
  public @Nullable Defect readTrusted() {
    ip.wrap(packet, 0, packet.readableBytes());
    var defect = ip.defect();
    return defect != null
        ? defect
        : tcp.wrap(packet, ip.payloadOffset(), ip.payloadLength()).defectBesidesChecksum();
  }

  /** Both headers written, and the checksum over everything; returns the TCP header's length. */
  @Benchmark
  public int composeWithChecksum() {
    int length = compose();
    tcp.updateChecksum(ip.pseudoHeaderSum(), payload);
    return length;
  }

  /** The same where the device adds the checksum. */
  @Benchmark
  public int composeWithoutChecksum() {
    int length = compose();
    tcp.startChecksum(ip.pseudoHeaderSum());
    return length;
  }

  private int compose() {
    header.sequence(1).acknowledgment(2).window(0xFFFF);
    int length = tcp.compose(headers, Ipv4Packet.HEADER_LENGTH, 80, 40_000, header);
    ip.wrap(headers, 0, Ipv4Packet.HEADER_LENGTH)
        .compose(SERVER, GUEST, Ipv4Packet.PROTOCOL_TCP, 7, true, length + payload.readableBytes());
    return length;
  }
}
