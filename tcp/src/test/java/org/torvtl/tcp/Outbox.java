/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** What one part of the engine sends, as text, and segments for it to receive. */
final class Outbox implements SegmentTransmitter {
  private final List<String> segments = new ArrayList<>();

  @Override
  public void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    var buf = Unpooled.buffer(100).writeZero(100);
    var view = new TcpSegment();
    int length = view.compose(buf, 0, 1, 2, header);
    var text = view.wrap(buf, 0, length).toString();
    segments.add(
        text.replaceFirst(" 1 > 2", "").replaceFirst("len 0.*", "len " + payload.readableBytes()));
  }

  /** All segments since the last call: flags, numbers, window and bytes of payload. */
  List<String> take() {
    var all = List.copyOf(segments);
    segments.clear();
    return all;
  }

  static TcpHeader header(int flags, int sequence, int acknowledgment) {
    return new TcpHeader()
        .flags(flags)
        .sequence(sequence)
        .acknowledgment(acknowledgment)
        .window(60_000);
  }

  static TcpSegment segment(int flags, int sequence, int acknowledgment) {
    return segment(header(flags, sequence, acknowledgment), 0);
  }

  /** A segment as it arrives, with a payload of so many zeros. */
  static TcpSegment segment(TcpHeader header, int payload) {
    var buf = Unpooled.buffer(TcpSegment.MAX_HEADER_LENGTH + payload);
    buf.writeZero(TcpSegment.MAX_HEADER_LENGTH + payload);
    var view = new TcpSegment();
    int length = view.compose(buf, 0, 1, 2, header);
    if (view.wrap(buf, 0, length + payload).defectBesidesChecksum() != null) {
      throw new IllegalArgumentException("not a segment: " + view);
    }
    return view;
  }

  /** The options of a segment that carries these. */
  static TcpOptions options(TcpOptions given) {
    return segment(new TcpHeader(given).flags(TcpSegment.ACK), 0).options();
  }

  /** A receiver whose peer's SYN had the sequence number 0. */
  static Receiver receiver(TcpCounters counters, Timestamps timestamps) {
    return new Receiver(TcpConfig.defaults(), counters, timestamps, PayloadAccount.UNLIMITED, 0, 0);
  }
}
