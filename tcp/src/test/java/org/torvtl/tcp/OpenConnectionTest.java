/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpSegment;

/** Our first byte is 1001, the peer's 1; it takes 60,000 bytes. */
class OpenConnectionTest {
  private static final long SECOND = 1_000_000_000;
  private static final int FIN = TcpSegment.FIN | TcpSegment.ACK;

  private final TcpConfig config =
      TcpConfig.defaults().withKeepAlive(new KeepAlive(10 * SECOND, SECOND, 2));
  private final TcpCounters counters = new TcpCounters();
  private final Outbox sent = new Outbox();
  private final List<String> events = new ArrayList<>();
  private final StateDiagram diagram = new StateDiagram(config, false);
  private final SendQueue queue = new SendQueue(1001, 0, PayloadAccount.UNLIMITED);
  private final Receiver receiver = Outbox.receiver(counters, new Timestamps(0));
  private final OpenConnection open;

  OpenConnectionTest() {
    var writer = new SegmentWriter(sent, counters);
    var peer =
        new Sender.Peer(
            new SynOptions(1460, false, 0, false), new RetransmissionTimeout(config), false);
    var sender = new Sender(config, counters, writer, receiver, peer, queue, 0);
    sender.openWindow(60_000, 1, 1001);
    receiver.window().synField(1);
    diagram.established();
    open =
        new OpenConnection(
            counters,
            new RecordedEvents(events),
            writer,
            diagram,
            receiver,
            sender,
            new KeepAliveTimer(config.keepAlive(), 0));
  }

  private @Nullable CloseReason receive(int flags, int sequence, int acknowledgment, int text) {
    return open.receive(
        Outbox.segment(flags, sequence, acknowledgment),
        sequence,
        acknowledgment,
        Unpooled.wrappedBuffer(new byte[text]),
        0);
  }

  private void send(int bytes) {
    queue.append(Unpooled.wrappedBuffer(new byte[bytes]));
    open.output(0);
  }

  @Test
  void tellsOfTextAndOfWhatIsAcknowledged() {
    send(100);
    assertThat(sent.take()).containsExactly("PA seq 1001 ack 1 win 65535 len 100");
    assertThat(receive(TcpSegment.ACK, 1, 1051, 20)).isNull();
    assertThat(events).containsExactly("acknowledged 50", "data 20");
  }

  @Test
  void anOlderAcknowledgmentStillBringsItsText() {
    send(100);
    receive(TcpSegment.ACK, 1, 1101, 0);
    assertThat(receive(TcpSegment.ACK, 1, 1050, 20)).isNull();
    assertThat(events).containsExactly("acknowledged 100", "data 20");
  }

  @Test
  void thePeersFinEndsTheStreamAndOursTheConnection() {
    assertThat(receive(FIN, 1, 1001, 5)).isNull();
    assertThat(events).containsExactly("data 5", "end of stream");
    assertThat(diagram.state()).isEqualTo(TcpState.CLOSE_WAIT);
    assertThat(diagram.shutOutput()).isTrue();
    open.flight().queueFin();
    open.output(0);
    assertThat(sent.take()).containsExactly("FA seq 1001 ack 7 win 65529 len 0");
    assertThat(receive(TcpSegment.ACK, 7, 1002, 0)).isEqualTo(CloseReason.NORMAL);
  }

  @Test
  void unreadDataIsAnsweredByAReset() {
    diagram.shutInput(0);
    assertThat(receive(TcpSegment.ACK, 1, 1001, 5)).isEqualTo(CloseReason.ABORTED);
    assertThat(sent.take()).containsExactly("RA seq 1001 ack 1 win 0 len 0");
    assertThat(counters.dataAfterClose()).isEqualTo(1);
    assertThat(events).isEmpty();
  }

  @Test
  void anIdlePeerIsAskedAndGivenUp() {
    assertThat(open.deadlineNanos()).isEqualTo(10 * SECOND);
    assertThat(open.onDeadline(10 * SECOND)).isFalse();
    assertThat(sent.take()).containsExactly("A seq 1000 ack 1 win 65535 len 0");
    assertThat(open.onDeadline(11 * SECOND)).isFalse();
    assertThat(open.onDeadline(12 * SECOND)).isTrue();
    assertThat(counters.keepAlives()).isEqualTo(2);
  }

  @Test
  void onceItIsOverNothingIsSent() {
    diagram.close();
    open.askIfAlive(0);
    send(100);
    assertThat(sent.take()).isEmpty();
    assertThat(open.packetTooLarge(1001, 600, 0)).isFalse();
    queue.clear();
  }

  @Test
  void thePathsPacketSizeIsBelievedOfWhatIsUnderWay() {
    send(3000);
    assertThat(open.packetTooLarge(5000, 600, 0)).isFalse();
    assertThat(open.packetTooLarge(1001, 600, 0)).isTrue();
    assertThat(counters.packetsTooLarge()).isEqualTo(1);
    queue.clear();
  }
}
