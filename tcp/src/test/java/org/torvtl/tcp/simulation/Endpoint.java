/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ResetSegment;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * One end: an engine and the application above it, which writes and reads in fits and starts and
 * sees to it that what the engine tells is true.
 */
final class Endpoint implements ConnectionHandler, Wire.End {
  private static final int STALL_CHANCE = 60;

  private final String name;
  private final Scenario.Side side;
  private final Timeline timeline;
  private final SplittableRandom random;
  private final ByteBufAllocator allocator;
  private final Tally tally;
  private final Trace trace;
  private final StreamBytes outgoing;
  private final StreamBytes incoming;
  private final boolean honestPeer;
  private final int peerFirst;
  private final SegmentChecks checks;

  private @Nullable Wire out;
  private @Nullable TcpConnection connection;
  private @Nullable CloseReason closed;
  private boolean established;
  private boolean ended;
  private boolean shut;
  private boolean inputShut;
  private int written;
  private int writes;
  private int received;
  private int acknowledged;
  private int consumed;
  private long tickAtNanos = Timeline.NEVER;
  private long progressNanos;
  private int calls;

  /**
   * An end whose peer begins with the given sequence number, and sends {@code incoming} from there.
   *
   * @param honestPeer whether the peer keeps the rules, so that everything must end well
   */
  Endpoint(
      String name,
      Scenario.Side side,
      Timeline timeline,
      SplittableRandom random,
      ByteBufAllocator allocator,
      Tally tally,
      Trace trace,
      StreamBytes outgoing,
      StreamBytes incoming,
      int peerSequence,
      boolean honestPeer) {
    this.name = name;
    this.side = side;
    this.timeline = timeline;
    this.random = random;
    this.allocator = allocator;
    this.tally = tally;
    this.trace = trace;
    this.outgoing = outgoing;
    this.incoming = incoming;
    this.honestPeer = honestPeer;
    peerFirst = peerSequence + 1;
    checks = new SegmentChecks(name, side, outgoing, honestPeer);
  }

  void attach(Wire wire) {
    out = wire;
  }

  /** Opens, unless the peer was first. */
  void open() {
    if (connection == null) {
      trace.event(name, "opens");
      checks.begin();
      connection =
          TcpConnection.open(
              side.config(),
              tally.counters,
              side.numbers(),
              this,
              this::transmit,
              timeline.nowNanos());
      after();
      wake(1);
    }
  }

  private long now() {
    return timeline.nowNanos();
  }

  /** The next deadline of the engine, from the beginning of the run. */
  long deadlineNanos() {
    var open = connection;
    return open == null ? Timeline.NEVER : timeline.whenNanos(open.deadlineNanos());
  }

  void onDeadline() {
    var open = connection;
    if (open != null) {
      checks.begin();
      open.onDeadline(now());
      long deadline = open.deadlineNanos();
      check(
          deadline == Timeline.NEVER || deadline - now() > 0,
          "has a deadline that does not pass, in %s",
          open.state());
      after();
    }
  }

  boolean isClosed() {
    return closed != null;
  }

  /** When last anything moved. */
  long progressNanos() {
    return progressNanos;
  }

  /** Whether a forged segment has something to hit. */
  boolean isSynchronized() {
    var open = connection;
    return open != null
        && switch (open.state()) {
          case HELD, SYN_SENT, CLOSED -> false;
          default -> true;
        };
  }

  /** The sequence number expected next, and what may be sent: what a forger would like to know. */
  int expected() {
    return checks.peerFirst() + received + (ended ? 1 : 0);
  }

  int nextToSend() {
    return side.numbers().sequence() + 1 + written;
  }

  /** The most memory the engine may hold: what its configuration says, and how that rounds. */
  long memoryBound() {
    var config = side.config();
    int capacity = config.receiveCapacityBytes();
    // Writes are gathered in buffers of 4096 bytes; pieces that wait keep their packets.
    long sending = config.sendCapacityBytes() + 2L * side.writeBytes() + 4096L * writes;
    long pieces =
        Math.min(Math.max(64, capacity / 256), 2 + capacity / Math.max(1, config.copyBelowBytes()));
    return sending + capacity + pieces * (0xFFFF + TcpSegment.MAX_HEADER_LENGTH);
  }

  // The application.

  private void wake(long inNanos) {
    long at = timeline.elapsedNanos() + inNanos;
    if (closed == null && at < tickAtNanos) {
      tickAtNanos = at;
      timeline.at(at, () -> tickAt(at));
    }
  }

  private void tickAt(long at) {
    if (at == tickAtNanos) {
      tickAtNanos = Timeline.NEVER;
      tick();
    }
  }

  /** The application gets the processor: writes, reads, shuts down. */
  private void tick() {
    var open = connection;
    if (open == null || closed != null) {
      return;
    }
    if (open.state() == TcpState.HELD) {
      decide(open);
    }
    if (open.unconsumedBytes() > 0 && random.nextInt(100) < side.readPercent()) {
      read(open, 1 + random.nextInt(open.unconsumedBytes()));
    }
    if (written < side.streamBytes() && open.isWritable() && !shut) {
      write(open);
    } else if (written == side.streamBytes() && (!shut || (side.closes() && ended && !inputShut))) {
      shut(open);
    }
    boolean busy =
        open.unconsumedBytes() > 0 || !shut && (open.isWritable() || written == side.streamBytes());
    if (busy) {
      boolean stalls = random.nextInt(STALL_CHANCE) == 0;
      wake(1 + random.nextLong(stalls ? side.stallNanos() + 1 : side.pauseNanos()));
    }
  }

  private void decide(TcpConnection open) {
    checks.begin();
    if (honestPeer || side.decision() > 1) {
      trace.event(name, "accepts");
      open.accept(now());
    } else if (side.decision() == 0) {
      trace.event(name, "refuses");
      open.refuse(now());
    } else {
      trace.event(name, "drops");
      open.drop();
    }
    after();
  }

  private void read(TcpConnection open, int bytes) {
    trace.event(name, "reads", bytes);
    checks.begin();
    consumed += bytes;
    open.consumed(bytes, now());
    after();
    progressNanos = timeline.elapsedNanos();
  }

  private void write(TcpConnection open) {
    int length = Math.min(side.streamBytes() - written, 1 + random.nextInt(side.writeBytes()));
    trace.event(name, "writes", length);
    var data = allocator.buffer(length, length);
    outgoing.write(data, written, length);
    written += length;
    writes++;
    checks.begin();
    open.send(data, now());
    after();
    progressNanos = timeline.elapsedNanos();
  }

  private void shut(TcpConnection open) {
    shut = true;
    checks.begin();
    if (side.closes() && (ended || !honestPeer)) {
      trace.event(name, "closes");
      inputShut = true;
      open.close(now());
    } else {
      trace.event(name, "shuts down its output");
      open.shutdownOutput(now());
    }
    after();
  }

  /** The owner has had enough: a close, after which the engine has to end by itself. */
  void close() {
    var open = connection;
    if (open != null && closed == null) {
      trace.event(name, "closes");
      inputShut = true;
      shut = true;
      checks.begin();
      open.close(now());
      after();
    }
  }

  /** The owner aborts; whether there was anything to abort. */
  boolean abort() {
    var open = connection;
    if (open == null || open.state() == TcpState.CLOSED) {
      return false;
    }
    trace.event(name, "aborts");
    checks.begin();
    open.abort(now());
    after();
    return true;
  }

  /** The owner forgets the connection. */
  void drop() {
    if (connection != null && connection.state() != TcpState.CLOSED) {
      trace.event(name, "drops");
      connection.drop();
      after();
    }
  }

  // The way to the wire and back.

  private Wire out() {
    var wire = out;
    if (wire == null) {
      throw new IllegalStateException("no wire");
    }
    return wire;
  }

  private void transmit(
      int sequence,
      int acknowledgment,
      int flags,
      int window,
      TcpOptions options,
      ByteBuf payload,
      int segmentSize) {
    check(closed == null || connectionIsInTimeWait(), "sends after its end");
    checks.transmitted(
        new SegmentChecks.Progress(
            received,
            connection == null ? 0 : connection.unconsumedBytes(),
            ended || inputShut,
            written,
            shut),
        sequence,
        acknowledgment,
        flags,
        window,
        options,
        payload,
        segmentSize);
    int length = payload.readableBytes();
    int from = payload.readerIndex();
    if (length <= segmentSize || random.nextBoolean()) {
      out().send(sequence, acknowledgment, flags, window, options, payload, from, length);
      return;
    }
    // Cuts what is too long for a packet, as the kernel or the device does.
    for (int sent = 0; sent < length; sent += segmentSize) {
      int part = Math.min(segmentSize, length - sent);
      boolean last = sent + part == length;
      out()
          .send(
              sequence + sent,
              acknowledgment,
              last ? flags : flags & ~(TcpSegment.FIN | TcpSegment.PSH),
              window,
              options,
              payload,
              from + sent,
              part);
    }
  }

  private boolean connectionIsInTimeWait() {
    return connection != null && connection.state() == TcpState.TIME_WAIT;
  }

  /** The answer to a segment of no connection. */
  private void transmitStray(
      int sequence,
      int acknowledgment,
      int flags,
      int window,
      TcpOptions options,
      ByteBuf payload,
      int segmentSize) {
    out().send(sequence, acknowledgment, flags, window, options, payload, 0, 0);
  }

  @Override
  public void arrive(TcpSegment segment, ByteBuf payload) {
    var open = connection;
    checks.begin();
    if (open == null && segment.has(TcpSegment.SYN) && !segment.has(TcpSegment.ACK)) {
      checks.arriving(segment);
      connection =
          TcpConnection.passive(
              side.config(), tally.counters, side.numbers(), segment, this, this::transmit, now());
      wake(1 + random.nextLong(side.pauseNanos()));
    } else if (open == null || open.state() == TcpState.CLOSED) {
      ResetSegment.answer(segment, this::transmitStray);
    } else if (open.yieldsTo(segment)) {
      // The owner of a real host would start anew here; this one has had its connection.
      open.drop();
      after();
    } else {
      checks.arriving(segment);
      open.receive(segment, payload, now());
      after();
    }
  }

  /** What must be true after every call. */
  private void after() {
    var open = connection;
    if (open == null) {
      return;
    }
    calls++;
    int queued = open.queuedBytes();
    int unconsumed = open.unconsumedBytes();
    check(queued >= 0 && queued <= written - acknowledged, "queues %s bytes", queued);
    check(
        queued < side.config().sendCapacityBytes() + side.writeBytes(),
        "queues %s bytes, more than was asked for",
        queued);
    boolean over = open.state() == TcpState.CLOSED;
    check(
        over || open.unsentBytes() <= queued,
        "has %s of %s bytes to send",
        open.unsentBytes(),
        queued);
    check(
        unconsumed == received - consumed,
        "takes %s bytes for not consumed, not %s",
        unconsumed,
        received - consumed);
    check(
        unconsumed <= side.config().receiveCapacityBytes() + checks.rounding(),
        "was given %s bytes, more than it takes",
        unconsumed);
    check(!over || closed != null, "is closed and not told");
    check(!over || open.deadlineNanos() == Timeline.NEVER, "is closed and has a deadline");
  }

  // What the engine tells.

  @Override
  public void established() {
    trace.event(name, "is established");
    check(!established && closed == null && !inputShut, "was established twice");
    established = true;
    progressNanos = timeline.elapsedNanos();
    wake(1);
  }

  @Override
  public void data(ByteBuf data) {
    int length = data.readableBytes();
    check(established && !ended && closed == null && !inputShut, "got data out of place");
    check(length > 0, "got no data");
    int position = checks.peerFirst() + received - peerFirst;
    check(
        incoming.matches(data.array(), data.arrayOffset() + data.readerIndex(), length, position),
        "got wrong bytes at %s",
        received);
    check(data.refCnt() > 0, "got data that is released");
    received += length;
    tally.delivered += length;
    data.release();
    progressNanos = timeline.elapsedNanos();
    if (connection != null && random.nextInt(100) < side.readPercent()) {
      int bytes = received - consumed;
      trace.event(name, "reads at once", bytes);
      consumed = received;
      connection.consumed(bytes, now());
    }
    wake(1 + random.nextLong(side.pauseNanos()));
  }

  @Override
  public void endOfStream() {
    trace.event(name, "reads the end after", received);
    check(!ended && closed == null && !inputShut, "was told of the end twice");
    ended = true;
    progressNanos = timeline.elapsedNanos();
    wake(1 + random.nextLong(side.pauseNanos()));
  }

  @Override
  public void acknowledged(int bytes) {
    acknowledged += bytes;
    check(
        bytes > 0 && acknowledged <= written,
        "had %s of %s bytes acknowledged",
        acknowledged,
        written);
    check(closed == null, "had data acknowledged after its end");
    progressNanos = timeline.elapsedNanos();
    if (!shut) {
      wake(1 + random.nextLong(side.pauseNanos()));
    }
  }

  @Override
  public void closed(CloseReason reason) {
    trace.event(name, "is closed: " + reason);
    check(closed == null, "was closed twice");
    closed = reason;
    progressNanos = timeline.elapsedNanos();
    if (reason == CloseReason.NORMAL) {
      check(shut, "closed without having shut down");
      check(ended || inputShut, "closed without the end of the stream");
      check(
          acknowledged == written,
          "closed with %s of %s bytes acknowledged",
          acknowledged,
          written);
    }
  }

  /** What must be true in the end, whatever happened. */
  void checkOver() {
    var open = connection;
    if (open != null) {
      check(open.state() == TcpState.CLOSED, "stays in %s", open.state());
      check(closed != null, "was not told of its end");
    }
  }

  /** What must be true in the end if nobody aborted and the peer is honest. */
  void checkWell(Endpoint peer) {
    check(connection != null, "was never reached");
    // What is repeated after the peer's TIME-WAIT is answered with a reset.
    boolean late = closed == CloseReason.RESET_BY_PEER && peer.closed == CloseReason.NORMAL;
    check(
        closed == CloseReason.NORMAL || (late && ended),
        "closed with %s",
        closed == null ? "nothing" : closed);
    check(
        received == peer.side.streamBytes(),
        "received %s bytes of %s",
        received,
        peer.side.streamBytes());
    check(written == side.streamBytes(), "wrote %s bytes of %s", written, side.streamBytes());
  }

  private void check(boolean condition, String what, Object... details) {
    if (!condition) {
      Broken.unless(false, name + ' ' + what, details);
    }
  }

  @Override
  public String toString() {
    var open = connection;
    return "%s %s, %d of %d written, %d acknowledged, %d received, %d queued, %d not sent, %d not consumed, %d calls"
        .formatted(
            name,
            open == null ? "nothing" : open.state(),
            written,
            side.streamBytes(),
            acknowledged,
            received,
            open == null ? 0 : open.queuedBytes(),
            open == null ? 0 : open.unsentBytes(),
            open == null ? 0 : open.unconsumedBytes(),
            calls);
  }
}
