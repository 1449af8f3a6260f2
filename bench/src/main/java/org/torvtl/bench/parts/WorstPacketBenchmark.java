/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.torvtl.e2e.WorstPacket;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpSegment;

/**
 * The cost of the worst packet: of each protocol the packet that takes a stack longest, frame by
 * frame, without the system calls that bring it and take the answer away. The guest is alone, so
 * none is dropped for want of time; but for the last two.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class WorstPacketBenchmark {
  private static final int FRAMES = 16_384;
  private static final byte[] GUEST = {2, 0, 0, 0, 0, 0x66};

  /**
   * The names of {@link WorstPacket}; the byte next in order of an open connection, and an
   * acknowledgment of one byte more; and a datagram beyond the guest's share: of a known guest, and
   * from another MAC address each time.
   */
  @Param({
    "ARP",
    "MALFORMED",
    "OPTIONS",
    "FRAGMENT",
    "FRAGMENTS",
    "ECHO",
    "LONG_ECHO",
    "UDP",
    "NO_CONNECTION",
    "SYN",
    "REPEATED",
    "DNS_LABELS",
    "DNS_LOOKUP",
    "DNS_POINTERS",
    "ONE_BYTE",
    "ONE_BYTE_ACK",
    "OVER_SHARE",
    "OVER_SHARE_MADE_UP"
  })
  public String packet = "ARP";

  private final ByteBuf frame = Unpooled.directBuffer(2048);
  private StackWorld world = new StackWorld();
  private byte[][] frames = {};
  private ByteBuf segment = Unpooled.EMPTY_BUFFER;
  private int acknowledgment;
  private int next;

  /** Frames ready, and where it takes one a connection open. */
  @Setup
  public void compose() {
    world = new StackWorld();
    if (packet.startsWith("ONE_BYTE")) {
      composeSegment();
      return;
    }
    boolean isOverShare = packet.startsWith("OVER_SHARE");
    var kind = isOverShare ? WorstPacket.UDP : WorstPacket.valueOf(packet);
    if (kind == WorstPacket.REPEATED) {
      world.open(GUEST);
    }
    frames = kind.frames(GUEST, StackWorld.GATEWAY, StackWorld.ADDRESS, StackWorld.PORT, FRAMES);
    if (isOverShare) {
      useUpTheShare();
    }
  }

  private void composeSegment() {
    acknowledgment = world.open(GUEST);
    boolean isAck = packet.equals("ONE_BYTE_ACK");
    if (isAck) {
      world.download();
    }
    segment =
        StackWorld.segment(GUEST, TcpSegment.ACK, StackWorld.FIRST, acknowledgment, isAck ? 0 : 1);
  }

  private void useUpTheShare() {
    world.receive(frame.clear().writeBytes(frames[0]));
    world.passProbation();
    world.receive(frame.clear().writeBytes(frames[0]));
    world.receive(frame.clear().writeBytes(StackWorld.otherGuest()));
    for (int i = 0; i < FRAMES; i++) {
      if (packet.equals("OVER_SHARE_MADE_UP")) {
        ByteBuffer.wrap(frames[i]).putInt(2 * MacAddress.LENGTH - Integer.BYTES, i);
      }
      world.receive(frame.clear().writeBytes(frames[i]));
    }
  }

  /**
   * All that was sent must have counted.
   *
   * @throws IllegalStateException if segments were dropped
   */
  @TearDown
  public void close() {
    if (segment.isReadable() && world.progress() != next) {
      throw new IllegalStateException("%d of %d counted".formatted(world.progress(), next));
    }
    world.close();
    segment.release();
  }

  /** One frame. */
  @Benchmark
  public long frame() {
    if (segment.isReadable()) {
      return segment();
    }
    next = (next + 1) % FRAMES;
    return world.receive(frame.clear().writeBytes(frames[next]));
  }

  private long segment() {
    boolean isAck = packet.equals("ONE_BYTE_ACK");
    StackWorld.renumber(
        segment, StackWorld.FIRST + (isAck ? 0 : next), acknowledgment + (isAck ? next + 1 : 0));
    next++;
    return world.receive(segment);
  }
}
