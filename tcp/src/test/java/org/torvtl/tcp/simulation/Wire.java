/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.simulation.Scenario.Middlebox;
import org.torvtl.tcp.simulation.Scenario.WireShape;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * One direction of the cable. Segments cross it as bytes, and what it does to them it does to the
 * bytes: it loses, repeats, delays, reorders, damages and truncates them, and takes options out of
 * a SYN as some middleboxes do. What it has harmed the checksum must show.
 */
final class Wire {
  private static final long PSEUDO_HEADER_ADDRESSES =
      InternetChecksum.pseudoHeaderSum(0x0A000001, 0x0A000002, TcpSegment.PROTOCOL, 0);

  private final String name;
  private final WireShape shape;
  private final Middlebox middlebox;
  private final Timeline timeline;
  private final SplittableRandom random;
  private final ByteBufAllocator allocator;
  private final Tally tally;
  private final Trace trace;
  private final End end;
  private final TcpSegment composed = new TcpSegment();
  private final TcpSegment arrived = new TcpSegment();
  private final TcpHeader passed = new TcpHeader();
  private @Nullable Source source;
  private long freeAtNanos;
  private long bytesUnderWay;

  /** Where segments come out. */
  interface End {
    /** A segment without a defect has arrived; both arguments are only lent. */
    void arrive(TcpSegment segment, ByteBuf payload);
  }

  /** Where segments come from; hears of those that do not fit. */
  interface Source {
    /** An ICMP message has arrived: the segment at {@code sequence} is too large. */
    void packetTooLarge(int sequence, int mostBytes);
  }

  Wire(
      String name,
      WireShape shape,
      Middlebox middlebox,
      Timeline timeline,
      SplittableRandom random,
      ByteBufAllocator allocator,
      Tally tally,
      Trace trace,
      End end) {
    this.name = name;
    this.shape = shape;
    this.middlebox = middlebox;
    this.timeline = timeline;
    this.random = random;
    this.allocator = allocator;
    this.tally = tally;
    this.trace = trace;
    this.end = end;
  }

  /** Says what is too large to where it came from. */
  void reportTo(Source sender) {
    source = sender;
  }

  /** Whether it has a say in how large packets are, so that a sender must cut them. */
  boolean isNarrow() {
    return shape.mostBytes() != Integer.MAX_VALUE;
  }

  /** Bytes of the buffers of what is under way. */
  long bytesUnderWay() {
    return bytesUnderWay;
  }

  /** Takes a segment; the bytes of {@code payload} that it carries are copied. */
  void send(TcpHeader header, ByteBuf payload, int from, int length) {
    put(compose(header, payload, from, length));
  }

  /** A segment that comes from nowhere and arrives at once. */
  void inject(TcpHeader header, ByteBuf payload) {
    tally.forged++;
    var bytes = compose(header, payload, 0, payload.readableBytes());
    bytesUnderWay += bytes.capacity();
    arrive(bytes);
  }

  private ByteBuf compose(TcpHeader given, ByteBuf payload, int from, int length) {
    var header = given.has(TcpSegment.SYN) ? stripped(given) : given;
    int headerLength = TcpSegment.MIN_HEADER_LENGTH + header.options().length();
    var bytes = allocator.buffer(headerLength + length, headerLength + length);
    composed.compose(bytes, 0, 1, 2, header);
    bytes.writerIndex(headerLength);
    bytes.writeBytes(payload, from, length);
    composed.wrap(bytes, 0, headerLength + length);
    return bytes;
  }

  /** Takes bytes as they are: the header begins at index 0. They now belong to the wire. */
  void put(ByteBuf bytes) {
    tally.segments++;
    long elapsed = timeline.elapsedNanos();
    boolean outage = elapsed >= shape.outageFromNanos() && elapsed < shape.outageToNanos();
    if (bytes.readableBytes() - TcpSegment.MIN_HEADER_LENGTH > shape.mostBytes()) {
      trace.segment(name, "too large for the path", bytes);
      report(bytes);
    } else if (outage || random.nextDouble() < shape.loss()) {
      tally.lost++;
      trace.segment(name, "lost", bytes);
    } else {
      deliver(bytes.retain());
      if (random.nextDouble() < shape.repetition()) {
        deliver(bytes.retain());
      }
    }
    bytes.release();
  }

  private void report(ByteBuf bytes) {
    var sender = source;
    // The message gets lost as well, but not always.
    if (sender != null && random.nextInt(4) != 0) {
      int sequence = composed.wrap(bytes, 0, bytes.readableBytes()).sequence();
      timeline.in(shape.delayNanos(), () -> sender.packetTooLarge(sequence, shape.mostBytes()));
    }
  }

  private TcpHeader stripped(TcpHeader header) {
    strip(header.options(), passed.options());
    return passed
        .sequence(header.sequence())
        .acknowledgment(header.acknowledgment())
        .flags(header.flags())
        .window(header.window());
  }

  private void strip(TcpOptions given, TcpOptions options) {
    options.clear().mss(given.mss());
    options.sackPermitted(given.sackPermitted() && !middlebox.stripsSack());
    options.windowScale(middlebox.stripsScale() ? TcpOptions.NO_WINDOW_SCALE : given.windowScale());
    if (given.hasTimestamps() && !middlebox.stripsTimestamps()) {
      options.timestamps(given.timestampValue(), given.timestampEcho());
    }
  }

  private void deliver(ByteBuf shared) {
    long elapsed = timeline.elapsedNanos();
    long free = Math.max(freeAtNanos, elapsed);
    if (free - elapsed > shape.queueNanos()) {
      tally.lost++;
      trace.segment(name, "lost in a full queue", shared);
      shared.release();
      return;
    }
    freeAtNanos = free + (long) shape.nanosPerByte() * shared.readableBytes();
    long arrival = freeAtNanos + shape.delayNanos();
    if (random.nextDouble() < shape.reordering()) {
      arrival += random.nextLong(shape.jitterNanos());
    }
    double fate = random.nextDouble();
    bytesUnderWay += shared.capacity();
    if (fate < shape.damage() + shape.truncation()) {
      boolean truncate = fate < shape.truncation();
      timeline.at(arrival, () -> arriveHarmed(shared, truncate));
    } else {
      timeline.at(arrival, () -> arrive(shared));
    }
  }

  private void arrive(ByteBuf bytes) {
    bytesUnderWay -= bytes.capacity();
    try {
      arrived.wrap(bytes, 0, bytes.readableBytes());
      if (arrived.defectBesidesChecksum() != null) {
        // Only what a hostile peer made can have one.
        tally.malformed++;
        trace.segment(name, "malformed", bytes);
        return;
      }
      trace.segment(name, "", bytes);
      end.arrive(arrived, bytes.slice(arrived.payloadOffset(), arrived.payloadLength()));
    } finally {
      bytes.release();
    }
  }

  /** Gives the segment its checksum, harms it, and sees whether that is noticed. */
  private void arriveHarmed(ByteBuf shared, boolean truncate) {
    bytesUnderWay -= shared.capacity();
    tally.harmed++;
    var bytes =
        allocator.buffer(shared.readableBytes()).writeBytes(shared, 0, shared.readableBytes());
    shared.release();
    trace.segment(name, truncate ? "truncated" : "damaged", bytes);
    try {
      int length = bytes.readableBytes();
      if (length < TcpSegment.MIN_HEADER_LENGTH) {
        return;
      }
      composed.wrap(bytes, 0, length).updateChecksum(PSEUDO_HEADER_ADDRESSES + length);
      if (truncate) {
        length = random.nextInt(length);
      } else {
        int index = random.nextInt(length);
        bytes.setByte(index, bytes.getByte(index) ^ 1 << random.nextInt(8));
      }
      arrived.wrap(bytes, 0, length);
      if (arrived.defect(PSEUDO_HEADER_ADDRESSES + length) == null) {
        // A sum of 16 bits misses some truncations, as it does in reality: what was cut off summed
        // up to nothing. A flipped bit it never misses.
        Broken.unless(truncate, "a damaged segment passed: %s", arrived);
        tally.missedByChecksum++;
      }
    } finally {
      bytes.release();
    }
  }
}
