/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.tcp.CloseReason;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpSegment;

/**
 * A guest floods the gateway with requests from addresses that are not its own, and does not
 * confirm any answer: RFC 4987.
 */
class SynFloodTest {
  private static final int FLOOD = 100_000;

  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final long GUEST = 0x0200_0000_0002L, FLOODER = 0x0200_0000_0066L;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int FIRST_FORGED_IP = Ipv4Address.parse("172.16.0.0");
  private static final int FAR_IP = Ipv4Address.parse("198.51.100.7");

  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
  private final TcpSegment segment = new TcpSegment();
  private final Answerer answerer = new Answerer();
  private long now;
  private final Stack stack =
      new Stack(
          cable[0],
          StackConfig.of(StackConfig.DEFAULT_ADDRESS),
          answerer,
          () -> now,
          deadline -> {},
          new byte[16],
          Unpoliced.policer());

  /** Elsewhere every access to a buffer is recorded; here there are too many. */
  private final ResourceLeakDetector.Level level = ResourceLeakDetector.getLevel();

  SynFloodTest() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.SIMPLE);
    cable[0].start(stack);
  }

  @AfterEach
  void close() {
    ResourceLeakDetector.setLevel(level);
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  /** Answers requests at once, or never. */
  private static final class Answerer extends TakingHandler {
    private final Map<Integer, Integer> received = new HashMap<>();
    private boolean answers = true;
    private int open;

    @Override
    void requested(GuestConnection pending) {
      open++;
      if (answers) {
        pending.accept();
      }
    }

    @Override
    void data(GuestConnection connection, ByteBuf data) {
      received.merge(connection.tuple().guestPort(), data.readableBytes(), Integer::sum);
      super.data(connection, data);
    }

    @Override
    void closed(GuestConnection connection, CloseReason reason) {
      open--;
    }
  }

  private void send(
      long mac, int address, int port, int flags, int sequence, int acknowledgment, int payload) {
    var frame =
        GuestFrames.tcp(mac, address, FAR_IP, port, flags, sequence, acknowledgment, payload);
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
    cable[0].deliver();
  }

  /** Our sequence number in the last segment the stack has sent; everything else is discarded. */
  private int lastSequence() {
    int sequence = 0;
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      segment.wrap(frame, TRANSPORT, frame.readableBytes() - TRANSPORT);
      sequence = segment.sequence();
      frame.release();
    }
    return sequence;
  }

  /** Opens a connection as a guest does that means it; our sequence number after the SYN-ACK. */
  private int connect(int port) {
    send(GUEST, GUEST_IP, port, TcpSegment.SYN, 1000, 0, 0);
    int ours = lastSequence() + 1;
    send(GUEST, GUEST_IP, port, TcpSegment.ACK, 1001, ours, 0);
    return ours;
  }

  private void flood(int from, int to) {
    for (int i = from; i < to; i++) {
      send(FLOODER, FIRST_FORGED_IP + i, 1024 + i % 60_000, TcpSegment.SYN, i, 0, 0);
      if (i % 100 == 0) {
        lastSequence();
      }
    }
    lastSequence();
  }

  @Test
  void aFloodThatIsAnsweredStopsNoFlowAndKeepsNothing() {
    int ours = connect(5000);
    long before = usedMemory();
    int at = 1001;
    for (int i = 0; i < 100; i++) {
      flood(i * FLOOD / 100, (i + 1) * FLOOD / 100);
      now += 10_000_000;
      stack.onDeadline();
      send(GUEST, GUEST_IP, 5000, TcpSegment.ACK, at, ours, 1000);
      at += 1000;
    }
    assertThat(answerer.received).containsEntry(5000, 100_000);
    assertThat(stack.connections()).isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
    assertThat(answerer.open).isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
    assertThat(usedMemory() - before).as("bytes of half-open connections").isLessThan(32 << 20);
    // Who means it still gets in, though the table is full.
    int late = connect(5001);
    send(GUEST, GUEST_IP, 5001, TcpSegment.ACK, 1001, late, 500);
    assertThat(answerer.received).containsEntry(5001, 500);
    int evicted = FLOOD + 2 - StackConfig.DEFAULT_MAX_CONNECTIONS;
    assertThat(stack.counters().dropCount(StackCounters.Drop.TCP_HALF_OPEN)).isEqualTo(evicted);
    // And what is half-open ends by itself.
    for (int i = 0; i < 300; i++) {
      now += 1_000_000_000;
      stack.onDeadline();
      lastSequence();
    }
    assertThat(stack.connections()).isEqualTo(2);
  }

  @Test
  void aFloodThatWaitsForItsAnswerLeavesRoomForOtherGuests() {
    int ours = connect(5000);
    answerer.answers = false;
    flood(0, FLOOD);
    answerer.answers = true;
    int most = StackConfig.DEFAULT_MAX_PENDING / 2;
    assertThat(stack.connections()).isEqualTo(1 + most);
    assertThat(stack.counters().dropCount(StackCounters.Drop.TCP_PENDING_FULL))
        .isEqualTo(FLOOD - most);
    send(GUEST, GUEST_IP, 5000, TcpSegment.ACK, 1001, ours, 1000);
    int late = connect(5001);
    send(GUEST, GUEST_IP, 5001, TcpSegment.ACK, 1001, late, 500);
    assertThat(answerer.received).containsEntry(5000, 1000).containsEntry(5001, 500);
  }

  /** What is half-open makes room: of a table full of open connections, one goes at most. */
  @Test
  void openConnectionsAreNotEvictedByAFlood() {
    for (int i = 0; i < StackConfig.DEFAULT_MAX_CONNECTIONS; i++) {
      int address = FIRST_FORGED_IP + i;
      send(FLOODER, address, 1024, TcpSegment.SYN, 1, 0, 0);
      send(FLOODER, address, 1024, TcpSegment.ACK, 2, lastSequence() + 1, 0);
    }
    flood(FLOOD, FLOOD + 1000);
    assertThat(stack.connections()).isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
    assertThat(stack.counters().dropCount(StackCounters.Drop.TCP_EVICTED)).isEqualTo(1);
    assertThat(stack.counters().dropCount(StackCounters.Drop.TCP_HALF_OPEN)).isEqualTo(999);
  }

  private static long usedMemory() {
    System.gc();
    var runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
