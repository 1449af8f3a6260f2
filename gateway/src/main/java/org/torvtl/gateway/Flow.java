/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.stack.GuestConnection;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.Icmpv4Message;

/**
 * One guest connection and one stream of the egress, joined.
 *
 * <p>The guest's SYN is answered when the stream is open, and refused as the stream was. After that
 * there are two directions, each with an end of its own:
 *
 * <ul>
 *   <li>Guest to egress: what arrives is written at once and flushed at the end of the batch; the
 *       guest's window reopens as the socket takes the bytes.
 *   <li>Egress to guest: the stream is read while the guest's send queue has room. When the stream
 *       ends, the guest gets a FIN, but only once it is sure that the egress itself is alive: were
 *       it dead, a FIN would pass a cut download off as a complete one, so the guest gets a RST.
 * </ul>
 *
 * <p>Tor has no half-closed streams: shutting down one direction ends both. So a guest's FIN is not
 * passed on while the far end may still answer. It goes on as the end of the whole stream when the
 * far end has ended its direction, or has been silent for a while: {@link #ANSWER_SECONDS} where an
 * answer may be under way, {@link #LINGER_SECONDS} where the far end had the last word already and
 * the guest was most likely just done.
 */
final class Flow extends ChannelInboundHandlerAdapter implements ConnectionHandler {
  /** Seconds a far end may be silent after the guest's FIN, having heard the guest last. */
  static final int ANSWER_SECONDS = 60;

  /** Seconds a far end may be silent after the guest's FIN, having spoken last. */
  static final int LINGER_SECONDS = 15;

  private static final int MIN_READ_BYTES = 2048, MAX_READ_BYTES = 64 << 10;

  private static final Logger log = LoggerFactory.getLogger(Flow.class);

  private final GuestConnection guest;
  private final Lane lane;
  private final FlowCounters counters;
  private final Future<Channel> connecting;
  private @Nullable Channel channel;
  private @Nullable ScheduledFuture<?> idle;
  private boolean farEndSpokeLast;
  private boolean guestEnded;
  private boolean guestClosed;
  private boolean streamEnded;
  private boolean flushPending;

  private Flow(GuestConnection guest, Lane lane) {
    this.guest = guest;
    this.lane = lane;
    this.counters = lane.flowCounters();
    this.connecting =
        lane.egress()
            .connect(
                lane.loop(),
                lane.egress().isolationKey(guest.guest()),
                guest.address(),
                guest.port(),
                this);
  }

  /** Begins a flow for a guest's request. */
  static void start(GuestConnection guest, Lane lane) {
    lane.flowCounters().requested++;
    log.debug("{} asked for", guest);
    var flow = new Flow(guest, lane);
    guest.handler(flow);
    flow.connecting.addListener(flow::connected);
  }

  private void connected(Future<? super Channel> result) {
    if (!result.isSuccess()) {
      if (!guestClosed) {
        refuse(result.cause());
      }
      return;
    }
    channel = connecting.getNow();
    if (guestClosed) {
      channel.close();
      return;
    }
    counters.opened++;
    log.debug("{} open", guest);
    // A read may overshoot what the guest's queue has room for by one buffer, not by many.
    int most = Math.min(MAX_READ_BYTES, guest.sendCapacityBytes());
    channel
        .config()
        .setRecvByteBufAllocator(
            new AdaptiveRecvByteBufAllocator(MIN_READ_BYTES, most, most).maxMessagesPerRead(1));
    guest.accept();
    readWhileWritable();
  }

  private void refuse(Throwable cause) {
    counters.refused++;
    log.debug("{} refused: {}", guest, cause.getMessage());
    switch (lane.egress().refusal(cause)) {
      case RESET -> guest.refuse();
      case NETWORK_UNREACHABLE -> guest.unreachable(Icmpv4Message.NET_UNREACHABLE);
      case HOST_UNREACHABLE -> guest.unreachable(Icmpv4Message.HOST_UNREACHABLE);
      case PROHIBITED -> guest.unreachable(Icmpv4Message.ADMINISTRATIVELY_PROHIBITED);
    }
  }

  // From the guest.

  @Override
  public void established() {
    // The stream has been open since before the guest's SYN was answered.
  }

  @Override
  public void data(ByteBuf data) {
    var stream = channel;
    int length = data.readableBytes();
    if (stream == null) {
      data.release();
      throw new IllegalStateException("data before the connection was accepted");
    }
    counters.bytesOut += length;
    farEndSpokeLast = false;
    stream
        .write(data)
        .addListener(written -> {
          if (written.isSuccess()) {
            guest.consumed(length);
          } else {
            cut(written.cause());
          }
        });
    if (!flushPending) {
      flushPending = true;
      lane.flushAtEndOfBatch(this);
    }
  }

  /** Gives what was written since the last call to the stream's socket. */
  void flush() {
    flushPending = false;
    if (channel != null) {
      channel.flush();
    }
  }

  @Override
  public void endOfStream() {
    guestEnded = true;
    if (!streamEnded) {
      restartIdle();
    }
  }

  @Override
  public void acknowledged(int bytes) {
    readWhileWritable();
  }

  @Override
  public void closed(CloseReason reason) {
    log.debug("{} closed: {}", guest, reason);
    guestClosed = true;
    stopIdle();
    if (channel == null) {
      connecting.cancel(false);
      return;
    }
    if (reason == CloseReason.NORMAL) {
      // The last bytes may still be on their way into the socket.
      channel.flush();
      channel.write(channel.alloc().buffer(0)).addListener(ChannelFutureListener.CLOSE);
      channel.flush();
    } else {
      counters.cut++;
      channel.close();
    }
  }

  // From the egress.

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    var data = (ByteBuf) message;
    if (guestClosed) {
      data.release();
      return;
    }
    counters.bytesIn += data.readableBytes();
    farEndSpokeLast = true;
    if (guestEnded) {
      restartIdle();
    }
    guest.send(data);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    readWhileWritable();
  }

  private void readWhileWritable() {
    if (channel != null && !guestClosed && !streamEnded && guest.isWritable()) {
      channel.read();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == ChannelInputShutdownEvent.INSTANCE) {
      streamEnded();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (!streamEnded) {
      cut(null);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    cut(cause);
  }

  private void streamEnded() {
    if (streamEnded) {
      return;
    }
    streamEnded = true;
    stopIdle();
    lane.liveness()
        .ask(alive -> {
          if (guestClosed) {
            return;
          }
          if (alive) {
            guest.shutdownOutput();
          } else {
            cut(null);
          }
        });
  }

  /** Ends both sides at once: the guest gets a RST. */
  private void cut(@Nullable Throwable cause) {
    if (!guestClosed) {
      log.debug("{} cut: {}", guest, cause == null ? "the stream is gone" : cause.getMessage());
      guest.abort();
    }
    if (channel != null) {
      channel.close();
    }
  }

  // The wait of a half-closed flow.

  private void restartIdle() {
    stopIdle();
    if (guest.state() != TcpState.CLOSED) {
      idle =
          lane.loop()
              .schedule(
                  () -> cut(null),
                  farEndSpokeLast ? LINGER_SECONDS : ANSWER_SECONDS,
                  TimeUnit.SECONDS);
    }
  }

  private void stopIdle() {
    if (idle != null) {
      idle.cancel(false);
      idle = null;
    }
  }
}
