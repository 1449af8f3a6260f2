/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;
import org.torvtl.stack.ConnectionShares.Place;
import org.torvtl.stack.ConnectionShares.Standing;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ConnectionOwner;
import org.torvtl.tcp.SegmentTransmitter;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/**
 * A guest's TCP connection: the engine's state machine, joined to the link and the lane's timers.
 * The calls are those of {@link TcpConnection}, with the time added; all come from the lane's
 * thread.
 */
public final class GuestConnection implements ConnectionHandler, SegmentTransmitter {
  /**
   * What tells connections apart.
   *
   * @param guest the guest's MAC address, 0 on a TUN
   * @param guestAddress the guest's IPv4 address, network byte order
   * @param address the IPv4 address the guest connects to, network byte order
   * @param ports the guest's port in the high 16 bits, the other in the low
   */
  record Key(long guest, int guestAddress, int address, int ports) implements Comparable<Key> {
    static Key of(long guest, int guestAddress, int guestPort, int address, int port) {
      return new Key(guest, guestAddress, address, guestPort << 16 | port);
    }

    int guestPort() {
      return ports >>> 16;
    }

    /** The port the guest connects to. */
    int port() {
      return ports & 0xFFFF;
    }

    /**
     * Any order. A guest can open connections that all hash alike; because their keys can be
     * compared, the table then finds one in logarithmic time.
     */
    @Override
    public int compareTo(Key other) {
      int order = Long.compare(guest, other.guest);
      order = order != 0 ? order : Integer.compare(guestAddress, other.guestAddress);
      order = order != 0 ? order : Integer.compare(address, other.address);
      return order != 0 ? order : Integer.compare(ports, other.ports);
    }
  }

  private final TcpTable table;
  private final Key key;
  private final ConnectionMemory memory;
  private final TcpConnection tcp;
  private final int sendCapacityBytes;
  private final Timeout timeout = new Timeout();
  private @Nullable ConnectionHandler handler;
  private boolean claimFailed;

  /** The guest's request; {@code null} once it was answered. */
  private @Nullable HeldSyn syn;

  private final Place place;

  /** Where the guest is told that its connection is over; else {@link Key#guest}. */
  private long mac;

  private boolean moved;
  private long receivedNanos;
  private boolean forgotten;
  private boolean likelyDone;
  private boolean evicted;

  GuestConnection(TcpTable table, Key key, TcpSegment synSegment, byte[] syn, long nowNanos) {
    this.table = table;
    this.key = key;
    this.syn = new HeldSyn(syn, nowNanos);
    this.receivedNanos = nowNanos;
    this.mac = key.guest;
    var config = table.nextConfig(key.guest);
    this.sendCapacityBytes = config.sendCapacityBytes();
    this.memory = new ConnectionMemory(table.memory().guest(key.guest), this);
    this.tcp =
        TcpConnection.passive(
            config,
            table.tcpCounters(),
            table.initialNumbers(key, nowNanos),
            synSegment,
            new ConnectionOwner(this, this, memory),
            nowNanos);
    this.place = table.shares().add(this, nowNanos);
  }

  /** The guest's MAC address, 0 on a TUN. */
  public long guest() {
    return key.guest;
  }

  /** The guest's IPv4 address, network byte order. */
  public int guestAddress() {
    return key.guestAddress;
  }

  public int guestPort() {
    return key.guestPort();
  }

  /** The IPv4 address the guest connects to, network byte order. */
  public int address() {
    return key.address;
  }

  /** The port the guest connects to. */
  public int port() {
    return key.port();
  }

  /** Who hears of the connection's events; to be set before it is answered, and once. */
  public void handler(ConnectionHandler handler) {
    this.handler = handler;
  }

  /** Answers the guest's request: the connection is open. See {@link TcpConnection#accept}. */
  public void accept() {
    syn = null;
    tcp.accept(table.nowNanos());
    settle();
  }

  /** Answers the guest's request: the port is closed. See {@link TcpConnection#refuse}. */
  public void refuse() {
    syn = null;
    tcp.refuse(table.nowNanos());
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
    table
        .icmp()
        .unreachable(
            key.guest, key.guestAddress, key.address, held.quote(), code, table.nowNanos());
    table.unreachable(key, held);
    syn = null;
    tcp.drop();
    settle();
  }

  /** Queues bytes for the guest; takes ownership. See {@link TcpConnection#send}. */
  public void send(ByteBuf data) {
    tcp.send(data, table.nowNanos());
    settle();
  }

  /** Bytes from the guest no longer take up memory. See {@link TcpConnection#consumed}. */
  public void consumed(int bytes) {
    tcp.consumed(bytes, table.nowNanos());
    settle();
  }

  /** Sends a FIN after all queued bytes. See {@link TcpConnection#shutdownOutput}. */
  public void shutdownOutput() {
    tcp.shutdownOutput(table.nowNanos());
    settle();
  }

  /** Ends the connection with a RST. See {@link TcpConnection#abort}. */
  public void abort() {
    tcp.abort(table.nowNanos());
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
      table.shares().touch(place, nowNanos);
    }
    boolean claimed = tcp.advance(segment) > 0;
    long before = tcp.progress();
    try {
      tcp.receive(segment, payload, nowNanos);
      claimFailed = claimed ? tcp.progress() == before : claimFailed;
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
    table.failed(cause);
    end(() -> tcp.abort(table.nowNanos()), cause);
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

  /**
   * How far a segment will most likely carry the connection forward; see {@link
   * TcpConnection#advance}. After one that claimed to and did not, the next is not believed.
   */
  long advance(TcpSegment segment) {
    return claimFailed ? 0 : tcp.advance(segment);
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
    try {
      tcp.askIfAlive(nowNanos);
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
        table.forget(key, place);
        memory.close();
        table.timers().cancel(timeout);
      }
      return;
    }
    var now = Standing.of(state, likelyDone);
    if (now != place.standing()) {
      table.shares().moved(place, now, table.nowNanos());
    }
    var held = syn;
    long deadline = held != null ? held.deadlineNanos() : tcp.deadlineNanos();
    // A deadline that has moved away is looked at when the old one fires: most of them move with
    // every packet, and nearly none is ever reached.
    if (deadline != Long.MAX_VALUE && (!timeout.isSet() || deadline - timeout.deadlineNanos < 0)) {
      timeout.deadlineNanos = deadline;
      table.timers().set(timeout, deadline);
    }
  }

  private final class Timeout extends TimerWheel.Timer {
    long deadlineNanos;

    @Override
    void fire(long nowNanos) {
      try {
        var held = syn;
        if (held == null) {
          tcp.onDeadline(nowNanos);
        } else if (nowNanos - held.deadlineNanos() >= 0) {
          table.givenUp();
          tcp.drop();
        }
        settle();
      } catch (RuntimeException e) {
        fail(e);
      } catch (OutOfMemoryError e) {
        outOfMemory(e);
      }
    }
  }

  @Override
  public void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    table.writer().tcp(this, key, mac, header, payload, segmentSize);
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
    table.shares().touch(place, receivedNanos);
    handler().data(data);
  }

  @Override
  public void endOfStream() {
    handler().endOfStream();
  }

  @Override
  public void acknowledged(int bytes) {
    table.shares().touch(place, receivedNanos);
    handler().acknowledged(bytes);
  }

  @Override
  public void closed(CloseReason reason) {
    handler().closed(moved ? CloseReason.TIMED_OUT : reason);
  }

  /** Both ends, for logs; the guest's by MAC address too. */
  @Override
  public String toString() {
    return "%s %s:%d > %s:%d"
        .formatted(
            MacAddress.toString(key.guest),
            Ipv4Address.toString(key.guestAddress),
            guestPort(),
            Ipv4Address.toString(key.address),
            port());
  }
}
