/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.gateway.dns.DnsEvent;
import org.torvtl.gateway.dns.DnsService;
import org.torvtl.stack.GuestConnection;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;

/**
 * A guest's TCP connection to a name server, which is the gateway whatever its address: DNS over
 * TCP, RFC 7766. No stream of the egress belongs to it.
 *
 * <p>Messages have their length before them, 16 bits. Queries are answered as their lookups end,
 * not in their order, other than those with the same identifier (see {@link DnsService#answer}). A
 * guest that has more queries in flight than it may, asks faster than it may, or does not take the
 * responses, is not read: its window closes. What it has sent by then is held here, and charged to
 * its memory. A guest that ends its side gets the responses that are due, and then our end.
 *
 * <p>A length that no query has, or a message that is a response, ends the connection: what follows
 * has no known beginning. So does a time without a query.
 */
final class DnsConnection implements ConnectionHandler {
  /** Queries of one connection in flight. */
  static final int MOST_IN_FLIGHT = 128;

  /** Until a guest that asks too fast is read again. */
  private static final Duration PAUSE = Duration.ofMillis(20);

  private static final int LENGTH = 2;

  private final GuestConnection guest;
  private final Lane lane;

  /** Read from the guest, and not yet taken for queries; heap memory, charged by its capacity. */
  private ByteBuf received = Unpooled.EMPTY_BUFFER;

  private int charged;
  private int inFlight;
  private long activeNanos;
  private boolean processing;
  private boolean guestEnded;
  private boolean outputShut;
  private boolean closed;
  private @Nullable ScheduledFuture<?> idle;
  private @Nullable ScheduledFuture<?> pause;

  private DnsConnection(GuestConnection guest, Lane lane) {
    this.guest = guest;
    this.lane = lane;
    this.activeNanos = now();
  }

  private long now() {
    return lane.loop().ticker().nanoTime();
  }

  /** Accepts a guest's request. */
  static void start(GuestConnection guest, Lane lane) {
    var connection = new DnsConnection(guest, lane);
    guest.handler(connection);
    guest.accept();
    connection.awaitIdle(connection.idleNanos());
  }

  @Override
  public void established() {
    // It was accepted before.
  }

  @Override
  public void data(ByteBuf data) {
    int length = data.readableBytes();
    try {
      if (closed || outputShut) {
        guest.consumed(length);
        return;
      }
      if (!received.isReadable()) {
        received = Unpooled.buffer(length);
      }
      received.writeBytes(data);
    } finally {
      data.release();
    }
    process();
  }

  @Override
  public void endOfStream() {
    guestEnded = true;
    process();
  }

  @Override
  public void acknowledged(int bytes) {
    if (received.isReadable()) {
      process();
    }
  }

  @Override
  public void closed(CloseReason reason) {
    closed = true;
    received = Unpooled.EMPTY_BUFFER;
    charge();
    if (idle != null) {
      idle.cancel(false);
    }
    if (pause != null) {
      pause.cancel(false);
    }
  }

  /** Takes whole queries out of what was received, as many as may be in flight. */
  private void process() {
    if (closed || processing) {
      return;
    }
    processing = true;
    int before = received.readableBytes();
    try {
      while (!closed
          && !outputShut
          && hasMessage()
          && inFlight < MOST_IN_FLIGHT
          && guest.isWritable()) {
        if (!lane.admitsDnsOverTcp(guest)) {
          awaitPause();
          break;
        }
        received.skipBytes(LENGTH);
        take(received.readSlice(received.getUnsignedShort(received.readerIndex() - LENGTH)));
      }
    } finally {
      processing = false;
    }
    if (closed) {
      return;
    }
    int taken = before - received.readableBytes();
    if (received.isReadable()) {
      received.discardSomeReadBytes();
    } else {
      received = Unpooled.EMPTY_BUFFER;
    }
    charge();
    if (taken > 0) {
      guest.consumed(taken);
    }
    endIfDone();
  }

  /** Whether there is a whole query; ends the connection where there can be none. */
  private boolean hasMessage() {
    if (received.readableBytes() < LENGTH) {
      return false;
    }
    int length = received.getUnsignedShort(received.readerIndex());
    if (!DnsService.isQueryLength(length)) {
      cut(DnsEvent.CONNECTION_MALFORMED);
      return false;
    }
    return received.readableBytes() >= LENGTH + length;
  }

  private void take(ByteBuf message) {
    activeNanos = now();
    if (DnsService.isResponse(message)) {
      cut(DnsEvent.CONNECTION_MALFORMED);
      return;
    }
    inFlight++;
    lane.dns().answer(lane.dnsClient(guest), message, () -> true, this::respond);
  }

  private void respond(ByteBuf response) {
    inFlight--;
    guarded(() -> send(response));
    if (processing || closed) {
      return;
    }
    if (received.isReadable()) {
      // The service is not asked from within its answers.
      lane.loop().execute(() -> guarded(this::process));
    } else {
      guarded(this::endIfDone);
    }
  }

  private void send(ByteBuf response) {
    try {
      if (closed || outputShut) {
        return;
      }
      activeNanos = now();
      int length = response.readableBytes();
      var message = ByteBufAllocator.DEFAULT.directBuffer(LENGTH + length);
      message.writeShort(length).writeBytes(response);
      if (guest.memory().mayHold(message)) {
        guest.send(message);
      } else {
        message.release();
        guest.abort();
      }
    } finally {
      response.release();
    }
  }

  /** Ends our side when the guest has ended its own, and has all responses. */
  private void endIfDone() {
    if (closed) {
      return;
    }
    guest.likelyDone(inFlight == 0 && !received.isReadable());
    if (guestEnded && inFlight == 0 && !outputShut && !hasMessage() && !closed) {
      outputShut = true;
      guest.shutdownOutput();
    }
  }

  /** Queries that came are not answered any more. */
  private void discardReceived() {
    int length = received.readableBytes();
    received = Unpooled.EMPTY_BUFFER;
    charge();
    if (length > 0) {
      guest.consumed(length);
    }
  }

  private void charge() {
    int now = received.capacity();
    if (now > charged) {
      guest.memory().charge(now - charged);
    } else if (now < charged) {
      guest.memory().release(charged - now);
    }
    charged = now;
  }

  private void cut(DnsEvent reason) {
    lane.dns().count(reason);
    guest.abort();
  }

  private void awaitPause() {
    if (pause == null) {
      pause =
          lane.loop()
              .schedule(
                  () -> {
                    pause = null;
                    guarded(this::process);
                  },
                  PAUSE.toNanos(),
                  TimeUnit.NANOSECONDS);
    }
  }

  private long idleNanos() {
    return lane.flowConfig().dnsIdle().toNanos();
  }

  private void awaitIdle(long nanos) {
    if (!closed) {
      idle = lane.loop().schedule(() -> guarded(this::idle), nanos, TimeUnit.NANOSECONDS);
    }
  }

  private void idle() {
    long left = idleNanos() - (now() - activeNanos);
    // A lookup ends long before; one that never answers must not keep the connection.
    boolean isWaiting = inFlight > 0 && left > -idleNanos();
    if (isWaiting || left > 0) {
      awaitIdle(Math.max(left, PAUSE.toNanos()));
    } else if (outputShut) {
      cut(DnsEvent.CONNECTION_IDLE);
    } else {
      lane.dns().count(DnsEvent.CONNECTION_IDLE);
      outputShut = true;
      discardReceived();
      guest.shutdownOutput();
      awaitIdle(idleNanos());
    }
  }

  /** Runs what Netty would log an exception of and go on. */
  private void guarded(Runnable event) {
    try {
      event.run();
    } catch (RuntimeException | OutOfMemoryError e) {
      lane.failed(e);
      if (!closed) {
        guest.abort();
      }
    }
  }
}
