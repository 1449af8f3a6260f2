/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress.socket;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.channels.NotYetConnectedException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;
import org.torvtl.host.socket.UnixSockets;

/**
 * A stream over a socket of this host. An egress makes one, puts it into the channel's pipeline as
 * the last handler, and tells it how the opening of the channel ends ({@link #opened}, {@link
 * #refused}).
 */
public final class SocketStream extends ChannelInboundHandlerAdapter implements EgressStream {
  private static final int SHORT_STREAM_BYTES = 1 << 15;

  /** Tells whether it was the far end that ended a stream. */
  public interface EndCheck {
    /** Every stream's end is that of its far end. */
    EndCheck NONE = (openedNanos, answer) -> answer.accept(true);

    /**
     * Asks of a stream.
     *
     * @param openedNanos when it was opened, by its loop's clock
     * @param answer is told once, on the stream's loop
     */
    void ask(long openedNanos, Consumer<Boolean> answer);
  }

  private final StreamHandler handler;
  private final StreamOptions options;
  private final EndCheck endCheck;
  private @Nullable Future<?> opening;
  private @Nullable Channel channel;
  private long openedNanos;

  /** Of a Unix domain socket; TCP keeps it itself. */
  private @Nullable SendProgress progress;

  private boolean isClosed;

  /** Both directions, until the socket's buffers are bounded. */
  private int movedBytes;

  private boolean areBuffersLimited;

  /** Whether the kernel may wait with acknowledgments, in the hope of bytes of ours to go along. */
  private boolean acknowledgmentsMayWait = true;

  /** A stream that is not open yet. */
  public SocketStream(StreamHandler handler, StreamOptions options, EndCheck endCheck) {
    this.handler = handler;
    this.options = options;
    this.endCheck = endCheck;
  }

  /** What its channel is to read at a time. */
  public ReadSizes readSizes() {
    return new ReadSizes(options.unitBytes(), options.bufferBytes());
  }

  /** The channel is being opened; cancelling {@code attempt} gives that up. */
  public void opening(Future<?> attempt) {
    opening = attempt;
  }

  /** The channel is open, and this is its last handler. Nothing has been read for it yet. */
  public void opened(Channel opened) {
    opening = null;
    if (isClosed) {
      opened.close();
      return;
    }
    if (channel != null) {
      return;
    }
    channel = opened;
    openedNanos = now(opened);
    if (opened instanceof EpollDomainSocketChannel) {
      progress = new SendProgress(openedNanos);
    }
    handler.opened();
  }

  /** The channel is not to be had. */
  public void refused(Throwable cause) {
    opening = null;
    if (isClosed) {
      return;
    }
    isClosed = true;
    if (cause instanceof EgressException refused) {
      handler.refused(refused);
    } else {
      handler.failed(cause);
    }
  }

  // What the reader asks for.

  @Override
  public void write(ByteBuf data) {
    var stream = open();
    int length = data.readableBytes();
    stream.write(data, stream.voidPromise());
    moved(stream, length);
  }

  @Override
  public void flush(Consumer<@Nullable String> taken) {
    var stream = open();
    acknowledgmentsMayWait = true;
    // One promise for the batch, on an empty buffer behind it, rather than one for each segment.
    stream
        .writeAndFlush(Unpooled.EMPTY_BUFFER)
        .addListener(written -> {
          if (progress != null && written.isSuccess()) {
            progress.written(now(stream));
          }
          taken.accept(written.isSuccess() ? null : SocketErrors.words(written.cause()));
        });
  }

  @Override
  public void read() {
    open().read();
  }

  @Override
  public void confirmEnd(Consumer<Boolean> answer) {
    endCheck.ask(openedNanos, answer);
  }

  @Override
  public long nanosSinceTook() {
    return switch (channel) {
      case EpollSocketChannel tcp when tcp.isActive() ->
          TimeUnit.MILLISECONDS.toNanos(tcp.tcpInfo().lastDataSent());
      case EpollDomainSocketChannel unix when progress != null && unix.isActive() ->
          progress.nanosSinceTook(UnixSockets.unreadByPeer(unix.fd().intValue()), now(unix));
      case null, default -> Long.MAX_VALUE;
    };
  }

  @Override
  public void close() {
    isClosed = true;
    if (opening != null) {
      opening.cancel(false);
    }
    if (channel != null) {
      channel.close();
    }
  }

  @Override
  public void closeOnceTaken(Duration within, Runnable undrained) {
    var stream = open();
    stream.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    if (stream.isOpen()) {
      var timeout =
          stream
              .eventLoop()
              .schedule(
                  () -> {
                    undrained.run();
                    stream.close();
                  },
                  within.toNanos(),
                  TimeUnit.NANOSECONDS);
      stream.closeFuture().addListener(closed -> timeout.cancel(false));
    }
  }

  private Channel open() {
    if (channel == null) {
      throw new IllegalStateException("the stream is not open");
    }
    return channel;
  }

  private static long now(Channel stream) {
    return stream.eventLoop().ticker().nanoTime();
  }

  /**
   * Limits the socket's buffers once the stream is no short one: the kernel begins with little and
   * grows a buffer with what was moved. Once the peer has sent its FIN, Netty reads all that is
   * left whether it was asked to or not, so this bounds what then lies here in place of there; and
   * what waits in a large send buffer is far behind the FIN of the guest.
   */
  private void moved(Channel stream, int bytes) {
    if (areBuffersLimited) {
      return;
    }
    movedBytes += bytes;
    if (movedBytes >= SHORT_STREAM_BYTES && stream.isOpen()) {
      areBuffersLimited = true;
      try {
        stream.config().setOption(ChannelOption.SO_RCVBUF, options.bufferBytes());
        stream.config().setOption(ChannelOption.SO_SNDBUF, options.bufferBytes());
      } catch (RuntimeException e) {
        handler.failed(e);
      }
    }
  }

  // What the channel tells.

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (channel == null) {
      // Bytes that came along with the peer's consent may be here before the word of it.
      opened(context.channel());
    }
    var data = (ByteBuf) message;
    int length = data.readableBytes();
    handler.received(data);
    moved(context.channel(), length);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    if (channel != null && acknowledgmentsMayWait) {
      // It lasts until we write again.
      acknowledgeAtOnce(channel);
      acknowledgmentsMayWait = false;
    }
    handler.readComplete();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == ChannelInputShutdownEvent.INSTANCE) {
      handler.ended();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    handler.lost(null);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // The second is what Netty makes of ENOTCONN: of a socket that was reset, and has said so once.
    if (cause instanceof IOException || cause instanceof NotYetConnectedException) {
      handler.lost(SocketErrors.words(cause));
    } else {
      handler.failed(cause);
    }
  }

  /**
   * Has the kernel acknowledge what was and is read from a TCP channel over epoll, until something
   * is written to it; a Unix domain socket has no acknowledgments. A peer with Nagle's algorithm
   * on, as Tor, has its next bytes wait for this, and after a write the kernel would hold it back
   * for 40 ms, in the hope of another. See TCP_QUICKACK in tcp(7).
   */
  public static void acknowledgeAtOnce(Channel channel) {
    if (channel instanceof EpollSocketChannel socket && socket.isActive()) {
      socket.config().setTcpQuickAck(true);
    }
  }
}
