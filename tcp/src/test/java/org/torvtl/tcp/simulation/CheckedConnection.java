/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ConnectionOwner;
import org.torvtl.tcp.SegmentTransmitter;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/**
 * A connection whose every promise is checked: around each call, in each event, and of each segment
 * it sends. What it writes and reads are {@link StreamBytes}.
 */
final class CheckedConnection implements ConnectionHandler {
  private final String name;
  private final Scenario.Side side;
  private final TcpCounters counters;
  private final LongSupplier clock;
  private final StreamBytes outgoing;
  private final StreamBytes incoming;
  private final int peerFirst;
  private final SegmentChecks checks;
  private final ConnectionOwner asOwner = new ConnectionOwner(this, this::transmit);
  private final SegmentTransmitter transmitter;
  private final Owner owner;

  private @Nullable TcpConnection connection;
  private @Nullable CloseReason closed;
  private boolean established;
  private boolean ended;
  private boolean shut;
  private boolean inputShut;
  private int written;
  private int writes;
  private int largestWrite;
  private int received;
  private int consumed;
  private int acknowledged;
  private int calls;

  /** Hears of the events, after they were checked; may call back. */
  interface Owner {
    /** The handshake is complete. */
    void established();

    /** So many bytes came, and were right. */
    void received(int bytes);

    /** The peer has ended its stream. */
    void ended();

    /** Something was acknowledged. */
    void acknowledged();

    /** The connection is over. */
    void closed(CloseReason reason);
  }

  /**
   * Not connected yet.
   *
   * @param peerFirst the sequence number where {@code incoming} begins
   * @param honestPeer whether the peer keeps the rules
   * @param clock the time
   */
  CheckedConnection(
      String name,
      Scenario.Side side,
      TcpCounters counters,
      LongSupplier clock,
      StreamBytes outgoing,
      StreamBytes incoming,
      int peerFirst,
      boolean honestPeer,
      SegmentTransmitter transmitter,
      Owner owner) {
    this.name = name;
    this.side = side;
    this.counters = counters;
    this.clock = clock;
    this.outgoing = outgoing;
    this.incoming = incoming;
    this.peerFirst = peerFirst;
    this.transmitter = transmitter;
    this.owner = owner;
    checks = new SegmentChecks(name, side, outgoing, honestPeer);
  }

  private long now() {
    return clock.getAsLong();
  }

  // Calls.

  /** Opens actively. */
  void open() {
    checks.begin();
    connection = TcpConnection.open(side.config(), counters, side.numbers(), asOwner, now());
    after();
  }

  /** Opens passively. */
  void hold(TcpSegment syn) {
    checks.begin();
    checks.arriving(syn);
    connection =
        TcpConnection.passive(side.config(), counters, side.numbers(), syn, asOwner, now());
    after();
  }

  void accept() {
    checks.begin();
    connection().accept(now());
    after();
  }

  void refuse() {
    checks.begin();
    connection().refuse(now());
    after();
  }

  void drop() {
    checks.begin();
    connection().drop();
    after();
  }

  /** Takes a segment, or makes way for it. */
  void receive(TcpSegment segment, ByteBuf payload) {
    checks.begin();
    if (connection().yieldsTo(segment)) {
      // The owner of a real host would start anew here; this one has had its connection.
      connection().drop();
    } else {
      checks.arriving(segment);
      connection().receive(segment, payload, now());
    }
    after();
  }

  /** Writes the next bytes of the stream. */
  void send(ByteBuf empty, int length) {
    outgoing.write(empty, written, length);
    written += length;
    writes++;
    largestWrite = Math.max(largestWrite, length);
    checks.begin();
    connection().send(empty, now());
    after();
  }

  /** Consumes bytes received. */
  void consume(int bytes) {
    checks.begin();
    consumed += bytes;
    connection().consumed(bytes, now());
    after();
  }

  void shutdownOutput() {
    shut = true;
    checks.begin();
    connection().shutdownOutput(now());
    after();
  }

  void close() {
    shut = true;
    inputShut = true;
    checks.begin();
    connection().close(now());
    after();
  }

  void abort() {
    checks.begin();
    connection().abort(now());
    after();
  }

  /** The path says that the packet at {@code sequence} was too large for it. */
  void packetTooLarge(int sequence, int mostBytes) {
    if (connection != null) {
      checks.begin();
      connection.packetTooLarge(sequence, mostBytes, now());
      after();
    }
  }

  void onDeadline() {
    checks.begin();
    connection().onDeadline(now());
    long deadline = connection().deadlineNanos();
    check(
        deadline == Timeline.NEVER || deadline - now() > 0,
        "has a deadline that does not pass, in %s",
        connection().state());
    after();
  }

  // What is known.

  boolean exists() {
    return connection != null;
  }

  private TcpConnection connection() {
    var open = connection;
    if (open == null) {
      throw new IllegalStateException(name + " is not open");
    }
    return open;
  }

  TcpState state() {
    return connection == null ? TcpState.CLOSED : connection.state();
  }

  boolean isWritable() {
    return connection().isWritable();
  }

  /** As the engine's clock shows it. */
  long deadlineNanos() {
    return connection == null ? Timeline.NEVER : connection.deadlineNanos();
  }

  /** Why it ended, once it has. */
  @Nullable CloseReason closeReason() {
    return closed;
  }

  boolean isOver() {
    return closed != null;
  }

  boolean hasEnded() {
    return ended;
  }

  boolean isShut() {
    return shut;
  }

  boolean isInputShut() {
    return inputShut;
  }

  int written() {
    return written;
  }

  int received() {
    return received;
  }

  int acknowledgedBytes() {
    return acknowledged;
  }

  int unconsumed() {
    return received - consumed;
  }

  /** The sequence number expected next from the peer, once its own are known. */
  int expected() {
    return checks.peerFirst() + received + (ended ? 1 : 0);
  }

  /** The sequence number just after the last byte written. */
  int nextToSend() {
    return side.numbers().sequence() + 1 + written;
  }

  /** The most memory the engine may hold: what its configuration says, and how that rounds. */
  long memoryBound() {
    var config = side.config();
    int capacity = config.receiveCapacityBytes();
    // Writes are gathered in buffers of 4096 bytes; pieces that wait keep their packets.
    long sending = config.sendCapacityBytes() + 2L * largestWrite + 4096L * writes;
    long pieces =
        Math.min(Math.max(64, capacity / 256), 2 + capacity / Math.max(1, config.copyBelowBytes()));
    return sending + capacity + pieces * (0xFFFF + TcpSegment.MAX_HEADER_LENGTH);
  }

  // The checks.

  private void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    check(closed == null || state() == TcpState.TIME_WAIT, "sends after its end");
    checks.transmitted(
        new SegmentChecks.Progress(
            received,
            connection == null ? 0 : connection.unconsumedBytes(),
            ended || inputShut,
            written,
            shut),
        header,
        payload,
        segmentSize);
    transmitter.transmit(header, payload, segmentSize);
  }

  /** What must be true after every call. */
  private void after() {
    var open = connection();
    calls++;
    boolean over = open.state() == TcpState.CLOSED;
    int queued = open.queuedBytes();
    check(queued >= 0 && queued <= written - acknowledged, "queues %s bytes", queued);
    check(
        queued < side.config().sendCapacityBytes() + Math.max(1, largestWrite),
        "queues %s bytes, more than was asked for",
        queued);
    check(open.unsentBytes() <= queued, "has %s of %s bytes to send", open.unsentBytes(), queued);
    int unconsumed = open.unconsumedBytes();
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

  @Override
  public void established() {
    check(!established && closed == null && !inputShut, "was established twice");
    established = true;
    owner.established();
  }

  @Override
  public void data(ByteBuf data) {
    int length = data.readableBytes();
    check(established && !ended && closed == null && !inputShut, "got data out of place");
    check(length > 0 && data.refCnt() > 0, "got no data");
    int position = checks.peerFirst() + received - peerFirst;
    int from = data.arrayOffset() + data.readerIndex();
    check(
        incoming.matches(data.array(), from, length, position), "got wrong bytes at %s", received);
    received += length;
    data.release();
    owner.received(length);
  }

  /** From inside an event: consumes everything at once. */
  void consumeAll() {
    int bytes = received - consumed;
    consumed = received;
    connection().consumed(bytes, now());
  }

  @Override
  public void endOfStream() {
    check(established && !ended && closed == null && !inputShut, "was told of the end twice");
    ended = true;
    owner.ended();
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
    owner.acknowledged();
  }

  @Override
  public void closed(CloseReason reason) {
    check(closed == null, "was closed twice");
    closed = reason;
    if (reason == CloseReason.NORMAL) {
      check(shut, "closed without having shut down");
      check(ended || inputShut, "closed without the end of the stream");
      check(
          acknowledged == written,
          "closed with %s of %s bytes acknowledged",
          acknowledged,
          written);
    }
    owner.closed(reason);
  }

  /** What must be true once nothing happens any more. */
  void checkOver() {
    if (connection != null) {
      check(connection.state() == TcpState.CLOSED, "stays in %s", connection.state());
      check(closed != null, "was not told of its end");
    }
  }

  void check(boolean condition, String what, Object... details) {
    if (!condition) {
      Broken.unless(false, name + ' ' + what, details);
    }
  }

  @Override
  public String toString() {
    var open = connection;
    return "%s %s, %d written, %d acknowledged, %d received, %d queued, %d not sent, %d not consumed, %d calls"
        .formatted(
            name,
            open == null ? "nothing" : open.state(),
            written,
            acknowledged,
            received,
            open == null ? 0 : open.queuedBytes(),
            open == null ? 0 : open.unsentBytes(),
            received - consumed,
            calls);
  }
}
