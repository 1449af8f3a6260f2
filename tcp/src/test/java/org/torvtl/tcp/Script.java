/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * A connection and its peer, the guest, as a packet trace on virtual time: "the guest sends this,
 * we send that". What the guest sends passes through real bytes; what we send must be expected, all
 * of it and in order; and in the end every buffer must have been released.
 */
final class Script {
  static final int OUR_ISS = 0xFFFF_FC00;
  static final int GUEST_ISS = 0x7FFF_FF00;

  static final long MILLI = 1_000_000;
  static final long SECOND = 1000 * MILLI;

  /** Of the clock: our timestamps show the milliseconds since. */
  private static final long START = 5_000_000_000_000L;

  final TcpCounters counters = new TcpCounters();
  final List<String> events = new ArrayList<>();
  private final Deque<Seg> sent = new ArrayDeque<>();
  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false, true);
  private final TcpSegment wire = new TcpSegment();
  private TcpConfig config = TcpConfig.defaults();
  private PayloadAccount account = PayloadAccount.UNLIMITED;
  private @Nullable ByteBufAllocator frames;
  private int frameBytes;

  /** Happens when a frame is here and before the connection gets it. */
  private Runnable arrived = () -> {};

  private @Nullable TcpConnection connection;
  private long now = START;

  /** What the guest offers in its SYN, and sends on by itself. */
  private Seg offer = Seg.syn().mss(1460).win(65_535);

  /** Where the script's counting begins, either way. */
  private int ourFirst = OUR_ISS + 1;

  private int guestFirst = GUEST_ISS + 1;

  private int guestNext;
  private int guestWindow = 65_535;
  private int weSent;
  private int received;
  private int highestSent;
  private boolean consumesAtOnce = true;
  private boolean withTimestamps;
  private Consumer<String> onEvent = event -> {};

  static Script script() {
    return new Script();
  }

  static long millis(long count) {
    return count * MILLI;
  }

  static long seconds(long count) {
    return count * SECOND;
  }

  // What the script starts with.

  Script config(TcpConfig ours) {
    config = ours;
    return this;
  }

  TcpConfig config() {
    return config;
  }

  /** What the connection is to be charged to. */
  Script account(PayloadAccount ours) {
    account = ours;
    return this;
  }

  /** What the guest sends from now on comes in buffers of at least so many bytes. */
  Script framesOf(ByteBufAllocator from, int bytes) {
    frames = from;
    frameBytes = bytes;
    return this;
  }

  Script mss(int bytes) {
    offer.mss(bytes);
    return this;
  }

  Script sackPermitted() {
    offer.sackOk(true);
    return this;
  }

  Script wscale(int shift) {
    offer.wscale(shift);
    return this;
  }

  Script timestamps() {
    withTimestamps = true;
    return this;
  }

  /** The window field of everything the guest sends from now on. */
  Script guestWindow(int field) {
    guestWindow = field;
    return this;
  }

  /** The application takes data and leaves it unread: {@link #weConsume} reads. */
  Script readsLater() {
    consumesAtOnce = false;
    return this;
  }

  /** The application does this when an event happens, from inside of it. */
  Script on(String event, Runnable action) {
    var before = onEvent;
    onEvent =
        happened -> {
          before.accept(happened);
          if (happened.equals(event)) {
            action.run();
          }
        };
    return this;
  }

  // The handshake.

  /** The guest's SYN has arrived. */
  Script held() {
    offer.win(guestWindow);
    if (withTimestamps) {
      offer.ts(guestClock(), 0);
    }
    var bytes = bytes(offer);
    connection =
        TcpConnection.passive(
            config,
            counters,
            numbers(),
            wire,
            new ConnectionOwner(new Handler(), this::transmit, account),
            now);
    bytes.release();
    return this;
  }

  /** The initial sequence numbers are these, as on the wire. */
  Script startsAt(int ours, int guests) {
    ourFirst = ours + 1;
    guestFirst = guests + 1;
    return this;
  }

  /** The guest is this far away: its acknowledgment of our SYN-ACK comes so much later. */
  Script establishedAfter(long nanos) {
    held().weAccept().expect(Seg.synAck().ackOf(0)).after(nanos).sends(Seg.ack(0));
    return expectNothing().expectEvents("established");
  }

  /** A connection the guest opened, all events and segments of the handshake done with. */
  Script established() {
    held().weAccept().expect(Seg.synAck().ackOf(0)).sends(Seg.ack(0));
    return expectNothing().expectEvents("established");
  }

  /**
   * A connection in which one byte has gone each way, which starts the counting anew: our answer
   * took the acknowledgment along, so from now on acknowledgments may wait.
   */
  Script interactive() {
    established();
    var before = onEvent;
    onEvent = event -> connection().send(pattern(0, 1), now);
    sends(Seg.data(0, 1));
    onEvent = before;
    expect(Seg.data(0, 1).ackOf(1)).sends(Seg.ack(1));
    ourFirst++;
    guestFirst++;
    guestNext = 0;
    highestSent = 0;
    received = 0;
    events.clear();
    return expectNothing();
  }

  /** We have opened. */
  Script opening() {
    connection =
        TcpConnection.open(
            config, counters, numbers(), new ConnectionOwner(new Handler(), this::transmit), now);
    return this;
  }

  /** A connection we opened. */
  Script establishedByUs() {
    opening().expect(Seg.syn());
    var answer = Seg.synAck().ackOf(0).mss(1460).win(guestWindow);
    answer.sackPermitted = offer.sackPermitted;
    answer.scale = offer.scale;
    return sends(answer).expect(Seg.ack(0)).expectEvents("established");
  }

  private InitialNumbers numbers() {
    // So that our timestamps count from 0 at the start.
    return new InitialNumbers(ourFirst - 1, (int) -(START / MILLI));
  }

  // What we do.

  Script weAccept() {
    connection().accept(now);
    return this;
  }

  Script weRefuse() {
    connection().refuse(now);
    return this;
  }

  Script weDrop() {
    connection().drop();
    return this;
  }

  Script weSend(int length) {
    connection().send(pattern(weSent, length), now);
    weSent += length;
    return this;
  }

  Script weShutDown() {
    connection().shutdownOutput(now);
    return this;
  }

  Script weClose() {
    connection().close(now);
    return this;
  }

  Script weAbort() {
    connection().abort(now);
    return this;
  }

  /** An ICMP message says that the segment at {@code sequence} was too large. */
  boolean tooLarge(int sequence, int maxSegmentSize) {
    return connection().packetTooLarge(ours(sequence), maxSegmentSize, now);
  }

  Script weConsume(int length) {
    connection().consumed(length, now);
    return this;
  }

  // What the guest does.

  Script sends(Seg segment) {
    if (segment.sequence == null) {
      segment.seq(guestNext);
    }
    if (segment.acknowledgment == null) {
      segment.ackOf(highestSent);
    }
    if (segment.window == null) {
      segment.win(guestWindow);
    }
    if (withTimestamps && segment.timestamp == null) {
      segment.ts(guestClock(), (int) ((now - START) / MILLI));
    }
    int end = value(segment.sequence) + segment.length + (segment.flags & TcpSegment.FIN);
    if ((segment.flags & (TcpSegment.SYN | TcpSegment.RST)) == 0) {
      guestNext = Math.max(guestNext, end);
    }
    var bytes = bytes(segment);
    arrived.run();
    var payload = bytes.slice(wire.payloadOffset(), wire.payloadLength());
    connection().receive(wire, payload, now);
    bytes.release();
    return this;
  }

  /** As {@link #sends}, while the allocator of the frame has no memory for another buffer. */
  Script failing(FailingAllocator allocator, Seg segment) {
    arrived = () -> allocator.fails(true);
    try {
      return sends(segment);
    } finally {
      arrived = () -> {};
      allocator.fails(false);
    }
  }

  /** Lays {@link #wire} over a segment of the guest, checksum and all. */
  private ByteBuf bytes(Seg segment) {
    var from = frames == null ? allocator : frames;
    var bytes = from.buffer(Math.max(frameBytes, 2000 + segment.length));
    var options = new TcpOptions();
    if (segment.mss != null) {
      options.mss(segment.mss);
    }
    if (segment.scale != null) {
      options.windowScale(segment.scale);
    }
    options.sackPermitted(segment.sackPermitted != null && segment.sackPermitted);
    if (segment.timestamp != null && segment.echo != null) {
      options.timestamps(segment.timestamp, segment.echo);
    }
    for (int i = 0; segment.sack != null && i < segment.sack.size(); i += 2) {
      options.addSack(ours(segment.sack.get(i)), ours(segment.sack.get(i + 1)));
    }
    boolean hasAck = (segment.flags & TcpSegment.ACK) != 0;
    int header =
        wire.compose(
            bytes,
            0,
            40000,
            80,
            new TcpHeader(options)
                .sequence(value(segment.sequence) + guestFirst)
                .acknowledgment(hasAck ? ours(value(segment.acknowledgment)) : 0)
                .flags(segment.flags)
                .window(value(segment.window)));
    bytes.writerIndex(header);
    var payload = pattern(value(segment.sequence), segment.length);
    bytes.writeBytes(payload);
    payload.release();
    int length = header + segment.length;
    long pseudo = InternetChecksum.pseudoHeaderSum(1, 2, TcpSegment.PROTOCOL, length);
    wire.wrap(bytes, 0, length).updateChecksum(pseudo);
    assertThat(wire.defect(pseudo)).isNull();
    return bytes;
  }

  private int ours(int number) {
    return number + ourFirst;
  }

  private int guestClock() {
    return (int) ((now - START) / MILLI) + 1000;
  }

  private static int value(@Nullable Integer number) {
    return number == null ? 0 : number;
  }

  private ByteBuf pattern(int start, int length) {
    var data = allocator.buffer(Math.max(1, length));
    for (int i = start; i < start + length; i++) {
      data.writeByte(patternAt(i));
    }
    return data;
  }

  private static byte patternAt(int position) {
    return (byte) (position * 31 + (position >> 8));
  }

  // Time.

  /** Lets time pass, calling the connection at its deadlines. */
  Script after(long nanos) {
    long end = now + nanos;
    while (connection().deadlineNanos() - end <= 0
        && connection().deadlineNanos() != Long.MAX_VALUE) {
      now = Math.max(now, connection().deadlineNanos());
      connection().onDeadline(now);
      assertThat(connection().deadlineNanos()).as("deadline after its moment").isGreaterThan(now);
    }
    now = end;
    return this;
  }

  /** Nothing is sent for so long. */
  Script expectNothingFor(long nanos) {
    return expectNothing().after(nanos).expectNothing();
  }

  /**
   * Nothing happens for a bit less than so long; and then, at that moment, what is expected next.
   */
  Script at(long nanos) {
    return expectNothingFor(nanos - 1).after(1);
  }

  // What we send, and what the application hears.

  /** We have sent exactly this since last asked. */
  Script expect(Seg... segments) {
    var actual = List.copyOf(sent);
    sent.clear();
    boolean matches = actual.size() == segments.length;
    for (int i = 0; matches && i < segments.length; i++) {
      matches = segments[i].matches(actual.get(i));
    }
    if (!matches) {
      fail("expected " + Arrays.toString(segments) + "\n but sent " + actual);
    }
    return this;
  }

  Script expectNothing() {
    return expect();
  }

  /** What we have sent since last asked does not matter. */
  Script skip() {
    sent.clear();
    return this;
  }

  /** What we have sent since last asked. */
  List<Seg> drain() {
    var list = List.copyOf(sent);
    sent.clear();
    return list;
  }

  /** The application has heard exactly this since last asked. */
  Script expectEvents(String... expected) {
    assertThat(events).containsExactly(expected);
    events.clear();
    return this;
  }

  /** Bytes of buffers, given to the connection or made by it, that are not released. */
  long allocatedBytes() {
    return allocator.metric().usedHeapMemory();
  }

  Script expectState(TcpState state) {
    assertThat(connection().state()).isEqualTo(state);
    return this;
  }

  /** Whether the connection would make way for the guest's segment. */
  boolean yieldsTo(Seg segment) {
    var bytes = bytes(segment);
    boolean yields = connection().yieldsTo(wire);
    bytes.release();
    return yields;
  }

  TcpConnection connection() {
    if (connection == null) {
      throw new IllegalStateException("the script has no connection yet");
    }
    return connection;
  }

  /** Ends the connection if it has not, and checks that nothing was left behind. */
  void end() {
    expectNothing();
    if (connection != null) {
      connection.drop();
      assertThat(connection.state()).isEqualTo(TcpState.CLOSED);
      assertThat(connection.deadlineNanos()).isEqualTo(Long.MAX_VALUE);
    }
    assertThat(allocator.metric().usedHeapMemory()).as("bytes of buffers not released").isZero();
  }

  private void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    int start = header.sequence() - ourFirst;
    var segment = Seg.flags(header.flags(), start);
    var options = header.options();
    boolean hasAck = header.has(TcpSegment.ACK);
    segment.ackOf(hasAck ? header.acknowledgment() - guestFirst : 0).win(header.window());
    segment.length = payload.readableBytes();
    segment.mss(options.mss()).wscale(options.windowScale()).sackOk(options.sackPermitted());
    if (options.hasTimestamps()) {
      segment.ts(options.timestampValue(), options.timestampEcho());
    }
    segment.sack();
    for (int i = 0; i < options.sackCount() && segment.sack != null; i++) {
      segment.sack.add(options.sackLeft(i) - guestFirst);
      segment.sack.add(options.sackRight(i) - guestFirst);
    }
    for (int i = 0; i < segment.length; i++) {
      assertThat(payload.getByte(payload.readerIndex() + i)).isEqualTo(patternAt(start + i));
    }
    if (!header.has(TcpSegment.RST) && !header.has(TcpSegment.SYN)) {
      int fin = header.flags() & TcpSegment.FIN;
      highestSent = Math.max(highestSent, start + segment.length + fin);
    }
    sent.add(segment);
  }

  private final class Handler implements ConnectionHandler {
    private void happened(String event) {
      events.add(event);
      onEvent.accept(event);
    }

    @Override
    public void established() {
      happened("established");
    }

    @Override
    public void data(ByteBuf data) {
      int length = data.readableBytes();
      for (int i = 0; i < length; i++) {
        assertThat(data.getByte(data.readerIndex() + i)).isEqualTo(patternAt(received + i));
      }
      received += length;
      data.release();
      if (consumesAtOnce) {
        connection().consumed(length, now);
      }
      happened("data " + length);
    }

    @Override
    public void endOfStream() {
      happened("end of stream");
    }

    @Override
    public void acknowledged(int bytes) {
      happened("acknowledged " + bytes);
    }

    @Override
    public void closed(CloseReason reason) {
      happened("closed " + reason);
    }
  }
}
