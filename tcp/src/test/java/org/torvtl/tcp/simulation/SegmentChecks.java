/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.util.BitSet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * What must be true of every segment an engine sends, whatever the peer does. Positions count from
 * the first byte of a stream.
 */
final class SegmentChecks {
  /** A peer's maximum segment size below this is not believed. */
  private static final int LEAST_SEGMENT = 64;

  private static final int MOST_WITHOUT_SCALE = 0xFFFF;
  private static final int DEFAULT_SEGMENT = 536;
  private static final int UNKNOWN = Integer.MIN_VALUE;

  /** An acknowledgment, and a reset or a challenge: more no single call has reason to send. */
  private static final int MOST_EMPTY_SEGMENTS = 2;

  private final String name;
  private final Scenario.Side side;
  private final StreamBytes outgoing;
  private final boolean honestPeer;
  private final int first;

  private boolean peerIsKnown;
  private int peerFirst;
  private boolean peerScales;
  private int peerScale;
  private int peerSegment;
  private int ownScale;
  private int highestSent;

  /** The furthest position the peer has ever allowed, and the furthest we have. */
  private int peerEdge = UNKNOWN;

  private int edge = UNKNOWN;
  private final BitSet arrived = new BitSet();
  private int emptySegments;

  /** What the owner of the connection knows of it. */
  record Progress(int received, int unconsumed, boolean peerHasEnded, int written, boolean shut) {}

  SegmentChecks(String name, Scenario.Side side, StreamBytes outgoing, boolean honestPeer) {
    this.name = name;
    this.side = side;
    this.outgoing = outgoing;
    this.honestPeer = honestPeer;
    first = side.numbers().sequence() + 1;
  }

  /** A call into the engine begins. */
  void begin() {
    emptySegments = 0;
  }

  /** The most by which the scale of windows may make them look larger or smaller. */
  int rounding() {
    return peerScales ? (1 << ownScale) - 1 : 0;
  }

  /** The sequence number of the peer's first byte; only after {@link #transmitted} has seen it. */
  int peerFirst() {
    return peerFirst;
  }

  /** A segment is about to be given to the engine. */
  void arriving(TcpSegment segment) {
    if (segment.has(TcpSegment.SYN)) {
      var options = segment.options();
      int mss = options.mss() == 0 ? DEFAULT_SEGMENT : options.mss();
      peerSegment = Math.max(peerSegment, Math.max(LEAST_SEGMENT, mss));
      peerScales |= options.windowScale() >= 0;
      peerScale = Math.max(peerScale, Math.min(14, options.windowScale()));
    }
    if (segment.has(TcpSegment.ACK)) {
      int position = segment.acknowledgment() - first;
      if (position <= highestSent) {
        boolean scaled = peerScales && !segment.has(TcpSegment.SYN);
        peerEdge = Math.max(peerEdge, position + (segment.window() << (scaled ? peerScale : 0)));
      }
    }
    if (honestPeer && peerIsKnown && segment.sequenceLength() > 0) {
      int from = segment.sequence() - peerFirst;
      int to = from + segment.sequenceLength();
      if (from >= 0 && to > from && to <= StreamBytes.PERIOD) {
        arrived.set(from, to);
      }
    }
  }

  /** The engine sends a segment. */
  void transmitted(Progress progress, TcpHeader header, ByteBuf payload, int segmentSize) {
    var options = header.options();
    int length = payload.readableBytes();
    if (length == 0 && !header.has(TcpSegment.SYN) && !header.has(TcpSegment.FIN)) {
      emptySegments++;
      check(emptySegments <= MOST_EMPTY_SEGMENTS, "sends %s empty segments", emptySegments);
    }
    if (header.has(TcpSegment.RST)) {
      check(length == 0, "sends a reset with data");
      return;
    }
    boolean syn = header.has(TcpSegment.SYN);
    if (syn) {
      check(header.sequence() == first - 1 && length == 0, "sends a SYN that is not its own");
      ownScale = Math.max(0, options.windowScale());
    } else {
      checkText(progress, header.sequence() - first, header.flags(), payload);
      checkSize(length, segmentSize, options);
    }
    check(syn || header.has(TcpSegment.ACK), "sends a segment without ACK");
    if (header.has(TcpSegment.ACK)) {
      checkAcknowledgment(progress, header.acknowledgment(), syn, header.window());
      checkSack(options);
    }
  }

  private int scale() {
    return peerScales ? ownScale : 0;
  }

  private void checkText(Progress progress, int position, int flags, ByteBuf payload) {
    int length = payload.readableBytes();
    boolean fin = (flags & TcpSegment.FIN) != 0;
    int end = position + length;
    // One before the first is where a keep-alive probe lies if nothing was sent yet.
    int least = length == 0 ? -1 : 0;
    check(position >= least && end <= progress.written + 1, "sends %s to %s", position, end);
    if (fin) {
      check(progress.shut && end == progress.written, "sends a FIN at %s", end);
      end++;
    }
    if (length == 0 && !fin) {
      return;
    }
    check(length == 0 || end - (fin ? 1 : 0) <= progress.written, "sends what nobody wrote");
    check(
        end <= peerEdge || end - position == 1,
        "sends %s to %s, more than a probe, beyond %s",
        position,
        end,
        peerEdge);
    highestSent = Math.max(highestSent, end);
    if (length > 0) {
      boolean plain = payload.hasArray();
      byte[] array = plain ? payload.array() : ByteBufUtil.getBytes(payload);
      int at = plain ? payload.arrayOffset() + payload.readerIndex() : 0;
      check(outgoing.matches(array, at, length, position), "sends wrong bytes at %s", position);
    }
  }

  private void checkSize(int length, int segmentSize, TcpOptions options) {
    var config = side.config();
    boolean offload = config.maxTransmitBytes() > config.maxSegmentSize();
    check(
        length <= segmentSize
            || (offload && length <= Math.min(config.maxTransmitBytes(), 64 * segmentSize)),
        "sends %s bytes at once",
        length);
    int most = Math.min(config.maxSegmentSize(), peerSegment);
    check(
        Math.min(length, segmentSize) + options.length() <= Math.max(most, options.length()),
        "sends packets of %s bytes and options %s, the peer takes %s",
        Math.min(length, segmentSize),
        options,
        most);
  }

  private void checkAcknowledgment(Progress progress, int acknowledgment, boolean syn, int window) {
    if (!peerIsKnown) {
      peerIsKnown = true;
      peerFirst = acknowledgment - progress.received;
    }
    int position = acknowledgment - peerFirst;
    check(
        position == progress.received
            || (progress.peerHasEnded && position == progress.received + 1),
        "acknowledges %s with %s received",
        position,
        progress.received);
    int scale = syn ? 0 : scale();
    int newEdge = position + (window << scale);
    // The field of a SYN cannot express more, whatever was offered meanwhile.
    int least = (syn ? Math.min(edge, position + MOST_WITHOUT_SCALE) : edge) - rounding();
    check(edge == UNKNOWN || newEdge >= least, "shrinks its window from %s to %s", edge, newEdge);
    edge = Math.max(edge, newEdge);
    int room = newEdge - position + progress.unconsumed;
    check(
        room <= side.config().receiveCapacityBytes() + rounding(),
        "offers a window up to %s bytes, what waits included",
        room);
  }

  private void checkSack(TcpOptions options) {
    for (int i = 0; i < options.sackCount(); i++) {
      int left = options.sackLeft(i) - peerFirst;
      int right = options.sackRight(i) - peerFirst;
      check(left < right, "reports %s to %s", left, right);
      if (honestPeer) {
        check(
            left >= 0 && arrived.nextClearBit(left) >= right,
            "reports %s to %s, which has not arrived",
            left,
            right);
      }
    }
  }

  private void check(boolean condition, String what, Object... details) {
    if (!condition) {
      Broken.unless(false, name + ' ' + what, details);
    }
  }
}
