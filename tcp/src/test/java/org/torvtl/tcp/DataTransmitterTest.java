/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** 3000 bytes from sequence number 100, in segments of 1000; the peer's SYN had 0. */
class DataTransmitterTest {
  private final Outbox sent = new Outbox();
  private final ByteBuf data = Unpooled.wrappedBuffer(new byte[3000]);
  private final SendQueue queue = new SendQueue(100, 0, PayloadAccount.UNLIMITED);
  private final DataTransmitter transmitter;

  DataTransmitterTest() {
    var counters = new TcpCounters();
    var receiver = Outbox.receiver(counters, new Timestamps(0));
    var window = new SendWindow(0);
    window.open(60_000, 0, 0);
    queue.append(data);
    transmitter =
        new DataTransmitter(
            new SegmentWriter(sent, counters),
            receiver,
            queue,
            new EffectiveMss(TcpConfig.defaults(), 1000, receiver, window),
            5);
  }

  @AfterEach
  void everythingIsReleased() {
    assertThat(data.refCnt()).isEqualTo(1);
    queue.clear();
    assertThat(data.refCnt()).isZero();
  }

  @Test
  void theLastBytesAreMarkedAndTheFinFollows() {
    assertThat(transmitter.lastSentNanos()).isEqualTo(5);
    transmitter.transmit(100, 1100, 7);
    transmitter.transmit(2100, 3100, 8);
    transmitter.transmit(2600, 3101, 9);
    transmitter.transmit(3100, 3101, 9);
    assertThat(sent.take())
        .containsExactly(
            "A seq 100 ack 1 win 65535 len 1000",
            "PA seq 2100 ack 1 win 65535 len 1000",
            "FPA seq 2600 ack 1 win 65535 len 500",
            "FA seq 3100 ack 1 win 65535 len 0");
    assertThat(transmitter.lastSentNanos()).isEqualTo(9);
  }

  @Test
  void fullSegmentsCostNothingExtra() {
    transmitter.transmit(100, 3100, 0);
    assertThat(transmitter.overheadBytes()).isZero();
    transmitter.transmit(100, 2100, 0);
    assertThat(transmitter.overheadBytes()).isEqualTo(2 * TcpConnection.PACKET_BYTES);
    transmitter.clearOverhead();
    transmitter.transmit(3100, 3101, 0);
    assertThat(transmitter.overheadBytes()).isEqualTo(TcpConnection.PACKET_BYTES - 1);
  }
}
