/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;
import org.torvtl.ip.FourTuple;
import org.torvtl.stack.ConnectionShares.Place;
import org.torvtl.stack.ConnectionShares.Standing;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ConnectionOwner;
import org.torvtl.tcp.SegmentTransmitter;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/**
 * A guest's TCP connection: the engine's state machine, joined to the link and the lane's timers.
 * The calls are those of {@link TcpConnection}, with the time added; all come from the lane's
 * thread.
 */
public final class GuestConnection implements ConnectionHandler, SegmentTransmitter {
  private final ConnectionContext context;
  private final FourTuple tuple;
  private final ConnectionMemory memory;
  private final TcpConnection tcp;
  private final ClaimedProgress progress;
  private final int sendCapacityBytes;
  private final Timeout timeout = new Timeout();
  private @Nullable ConnectionHandler handler;

  /** The guest's request; {@code null} once it was answered. */
  private @Nullable HeldSyn syn;

  private final Place place;

  /** Where the guest is told that its connection is over; else the tuple's. */
  private long mac;

  private boolean moved;
  private long receivedNanos;
  private boolean forgotten;
  private boolean likelyDone;
  private boolean evicted;

  /**
   * @param synSegment the guest's request
   * @param syn its packet's IP header and 8 bytes behind it
   */
  GuestConnection(
      ConnectionContext context,
      FourTuple tuple,
      ConnectionContext.Beginning beginning,
      TcpSegment synSegment,
      byte[] syn,
      long nowNanos) {
    this.context = context;
    this.tuple = tuple;
    this.syn = new HeldSyn(syn, nowNanos);
    this.receivedNanos = nowNanos;
    this.mac = tuple.guest();
    this.sendCapacityBytes = beginning.config().sendCapacityBytes();
    this.memory = new ConnectionMemory(beginning.memory(), this);
    this.tcp =
        TcpConnection.passive(
            beginning.config(),
            context.counters(),
            beginning.numbers(),
            synSegment,
            new ConnectionOwner(this, this, memory),
            nowNanos);
    this.progress = new ClaimedProgress(tcp);
    this.place = context.shares().add(this, nowNanos);
  }

  /** Both ends. */
  public FourTuple tuple() {
    return tuple;
  }

  /** The guest's MAC address, 0 on a TUN. */
  public long guest() {
    return tuple.guest();
  }

  /** Who hears of the connection's events; to be set before it is answered, and once. */
  public void handler(ConnectionHandler handler) {
    this.handler = handler;
  }

  /** Answers the guest's request: the connection is open. See {@link TcpConnection#accept}. */
  public void accept() {
    syn = null;
    tcp.accept(context.nowNanos());
    settle();
  }

  /** Answers the guest's request: the port is closed. See {@link TcpConnection#refuse}. */
  public void refuse() {
    syn = null;
    tcp.refuse(context.nowNanos());
    settle();
  }

  /**
   * Answers the guest's request: the host cannot be reached.
   *
   * @param code one of the codes of ICMP's "unreachable", as in {@link
   *     org.torvtl.wire.Icmpv4Message}
   */
  public void unreachable(int code) {
    var held = syn;
    if (held == null || tcp.state() != TcpState.HELD) {
      return;
    }
    context.icmp().unreachable(tuple, held.quote(), code, context.nowNanos());
    context.table().unreachable(tuple, held);
    syn = null;
    tcp.drop();
    settle();
  }

  /** Queues bytes for the guest; takes ownership. See {@link TcpConnection#send}. */
  public void send(ByteBuf data) {
    tcp.send(data, context.nowNanos());
    settle();
  }

  /** Bytes from the guest no longer take up memory. See {@link TcpConnection#consumed}. */
  public void consumed(int bytes) {
    tcp.consumed(bytes, context.nowNanos());
    settle();
  }

  /** Sends a FIN after all queued bytes. See {@link TcpConnection#shutdownOutput}. */
  public void shutdownOutput() {
    tcp.shutdownOutput(context.nowNanos());
    settle();
  }

  /** Ends the connection with a RST. See {@link TcpConnection#abort}. */
  public void abort() {
    tcp.abort(context.nowNanos());
    settle();
  }

  /** Whether more may be queued for the guest. See {@link TcpConnection#isWritable}. */
  public boolean isWritable() {
    return tcp.isWritable();
  }

  /** What the connection holds, and who takes over what it delivers. */
  public ConnectionMemory memory() {
    return memory;
  }

  /** Who hears of the connection's events, {@code null} if nobody yet. */
  public @Nullable ConnectionHandler owner() {
    return handler;
  }

  /** See {@link TcpConnection#dropOutOfOrder}. */
  void dropOutOfOrder() {
    tcp.dropOutOfOrder();
  }

  /** Bytes queued for the guest that it has not acknowledged. */
  public int queuedBytes() {
    return tcp.queuedBytes();
  }

  /** Bytes that may be queued for the guest before {@link #isWritable} answers no. */
  public int sendCapacityBytes() {
    return sendCapacityBytes;
  }

  /** The most bytes that leave at once; see {@link TcpConnection#transmitBytes}. */
  public int transmitBytes() {
    return tcp.transmitBytes();
  }

  public TcpState state() {
    return tcp.state();
  }

  /**
   * Tells whether the guest has ended its side and has all that came, so that the connection is
   * evicted before those of its guest that are in use.
   */
  public void likelyDone(boolean isLikelyDone) {
    if (likelyDone != isLikelyDone) {
      likelyDone = isLikelyDone;
      settle();
    }
  }

  /** Whether the connection was ended to make room for another. */
  public boolean isEvicted() {
    return evicted;
  }

  /**
   * Leaves the guest's request without an answer: the guest repeats it. For what is no fault of the
   * remote end and may pass. Does nothing to a connection that was answered.
   */
  public void ignore() {
    if (tcp.state() == TcpState.HELD) {
      drop();
    }
  }

  void receive(TcpSegment segment, ByteBuf payload, long nowNanos) {
    receivedNanos = nowNanos;
    var held = syn;
    if (held != null && segment.has(TcpSegment.SYN)) {
      held.repeated(segment.sequence(), nowNanos);
      context.shares().touch(place, nowNanos);
    }
    progress.begin(segment);
    try {
      tcp.receive(segment, payload, nowNanos);
      progress.end();
      settle();
    } catch (RuntimeException e) {
      fail(e);
    } catch (OutOfMemoryError e) {
      outOfMemory(e);
    }
  }

  /** See {@link TcpConnection#packetTooLarge}. */
  boolean packetTooLarge(int sequence, int maxSegmentSize, long nowNanos) {
    try {
      boolean believed = tcp.packetTooLarge(sequence, maxSegmentSize, nowNanos);
      settle();
      return believed;
    } catch (RuntimeException e) {
      fail(e);
      return true;
    }
  }

  /** Handling the connection has failed. It ends, and no other. */
  void fail(RuntimeException cause) {
    context.table().failed(cause);
    end(() -> tcp.abort(context.nowNanos()), cause);
    // Where not even that works, it ends without a word.
    end(tcp::drop, cause);
  }

  /** What was being done is not known to be whole. The connection ends, and no other. */
  private void outOfMemory(OutOfMemoryError cause) {
    memory.allocationFailed(cause);
    end();
  }

  private void end(Runnable how, RuntimeException cause) {
    try {
      how.run();
    } catch (RuntimeException e) {
      if (e != cause) {
        cause.addSuppressed(e);
      }
    } finally {
      settle();
    }
  }

  /** Ends the connection with a RST, whatever else goes wrong. */
  void end() {
    try {
      abort();
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  /**
   * Whether a segment is the request again that waits for an answer. Such a one costs little and
   * starts nothing; unheard, the request would be given up.
   */
  boolean repeatsRequest(TcpSegment segment) {
    var held = syn;
    return held != null
        && (segment.flags() & TcpTable.REQUEST_MASK) == TcpSegment.SYN
        && held.isRepetition(segment.sequence());
  }

  /** See {@link ClaimedProgress#of}. */
  long advance(TcpSegment segment) {
    return progress.of(segment);
  }

  /** See {@link TcpConnection#overheadBytes}. */
  long overheadBytes() {
    return tcp.overheadBytes();
  }

  /** See {@link TcpConnection#clearOverhead}. */
  void clearOverhead() {
    tcp.clearOverhead();
  }

  boolean yieldsTo(TcpSegment segment) {
    return tcp.yieldsTo(segment);
  }

  /** Forgets the connection without a word to the guest. */
  void drop() {
    tcp.drop();
    settle();
  }

  /** Ends the connection to make room: with a RST if the guest takes it for open. */
  void evict() {
    evicted = true;
    switch (tcp.state()) {
      case HELD, SYN_RECEIVED -> drop();
      default -> end();
    }
  }

  /** When the guest was heard last. */
  long receivedNanos() {
    return receivedNanos;
  }

  /** See {@link TcpConnection#askIfAlive}. */
  void askIfAlive(long nowNanos) {
    guarded(() -> tcp.askIfAlive(nowNanos));
  }

  /** Does something to the engine; if that fails, the connection ends, and no other. */
  private void guarded(Runnable call) {
    try {
      call.run();
      settle();
    } catch (RuntimeException e) {
      fail(e);
    } catch (OutOfMemoryError e) {
      outOfMemory(e);
    }
  }

  /**
   * The guest is found at another MAC address, and knows nothing of this connection there: ends it
   * as one whose guest has vanished, with a RST to that address.
   */
  void endAt(long newMac) {
    mac = newMac;
    moved = true;
    if (tcp.state() == TcpState.HELD) {
      drop();
    } else {
      end();
    }
  }

  /** What must follow every call to the engine: the timer is moved, or the connection forgotten. */
  void settle() {
    var state = tcp.state();
    if (state == TcpState.CLOSED) {
      if (!forgotten) {
        forgotten = true;
        syn = null;
        context.table().ended(tuple, place);
        memory.close();
        context.timers().cancel(timeout);
      }
      return;
    }
    var now = Standing.of(state, likelyDone);
    if (now != place.standing()) {
      context.shares().moved(place, now, context.nowNanos());
    }
    var held = syn;
    long deadline = held != null ? held.deadlineNanos() : tcp.deadlineNanos();
    // A deadline that has moved away is looked at when the old one fires: most of them move with
    // every packet, and nearly none is ever reached.
    if (deadline != Long.MAX_VALUE && (!timeout.isSet() || deadline - timeout.deadlineNanos < 0)) {
      timeout.deadlineNanos = deadline;
      context.timers().set(timeout, deadline);
    }
  }

  private final class Timeout extends TimerWheel.Timer {
    long deadlineNanos;

    @Override
    void fire(long nowNanos) {
      guarded(() -> onTimeout(nowNanos));
    }
  }

  private void onTimeout(long nowNanos) {
    var held = syn;
    if (held == null) {
      tcp.onDeadline(nowNanos);
    } else if (nowNanos - held.deadlineNanos() >= 0) {
      context.table().givenUp();
      tcp.drop();
    }
  }

  @Override
  public void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    context.writer().tcp(this, tuple, mac, header, payload, segmentSize);
  }

  private ConnectionHandler handler() {
    if (handler == null) {
      throw new IllegalStateException("no handler was set for " + this);
    }
    return handler;
  }

  @Override
  public void established() {
    handler().established();
  }

  @Override
  public void data(ByteBuf data) {
    context.shares().touch(place, receivedNanos);
    handler().data(data);
  }

  @Override
  public void endOfStream() {
    handler().endOfStream();
  }

  @Override
  public void acknowledged(int bytes) {
    context.shares().touch(place, receivedNanos);
    handler().acknowledged(bytes);
  }

  @Override
  public void closed(CloseReason reason) {
    handler().closed(moved ? CloseReason.TIMED_OUT : reason);
  }

  @Override
  public String toString() {
    return tuple.toString();
  }
}
