/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.channels.NotYetConnectedException;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.stack.GuestConnection;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tor.socks.ReadSizes;
import org.torvtl.tor.socks.SocksClient;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.MemoryFootprint;

/**
 * One guest connection and one stream of the egress, joined.
 *
 * <p>The guest's SYN is answered when the stream is open, and refused as the stream was. After that
 * there are two directions, each with an end of its own:
 *
 * <ul>
 *   <li>Guest to egress: what arrives is written at once and flushed at the end of the batch; the
 *       guest's window reopens as the socket takes the batches.
 *   <li>Egress to guest: the stream is read while the guest's send queue has room. When the stream
 *       ends, the guest gets a FIN, but only once it is sure that the egress itself is alive: were
 *       it dead, a FIN would pass a cut download off as a complete one, so the guest gets a RST.
 * </ul>
 *
 * <p>Tor has no half-closed streams: shutting down one direction ends both. So a guest's FIN is not
 * passed on while the far end may still answer. It goes on as the end of the whole stream when the
 * far end has ended its direction, or nothing has moved in either direction for a while: {@link
 * FarEndWait}. And what a guest sends after the far end has ended may find no taker any more; then
 * the guest still gets all that is queued for it, and a RST after that.
 *
 * <p>Whatever fails here cuts this flow and no other.
 */
final class Flow extends ChannelInboundHandlerAdapter implements ConnectionHandler {
  private static final Logger log = LoggerFactory.getLogger(Flow.class);
  private static final int SHORT_STREAM_BYTES = 1 << 15;

  /** A wait for the far end that is told of: else it looks as if the flow had been slow. */
  private static final long LONG_WAIT_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final GuestConnection guest;
  private final Lane lane;
  private final FlowCounters counters;
  private @Nullable Future<Channel> connecting;
  private @Nullable Channel channel;
  private final Dialogue dialogue;
  private final long requestedNanos = System.nanoTime();
  private long openedNanos;

  /** Whether the socket's buffers are bounded. */
  private boolean areBuffersLimited;

  /** Bytes written and not yet part of a batch that was flushed; and what memory they pin. */
  private int batchBytes;

  private int batchPinned;

  /** Whether the kernel may wait with acknowledgments, in the hope of bytes of ours to go along. */
  private boolean acknowledgmentsMayWait = true;

  /** Bytes from the egress the guest has not acknowledged. */
  private int waitingIn;

  /** The stream takes nothing any more, but the guest is still to get what is queued for it. */
  private boolean streamGone;

  private boolean isRefused;
  private boolean streamEnded;
  private boolean outputShut;
  private boolean guestClosed;

  /** Since the guest has ended its side, until the far end has. */
  private @Nullable FarEndWait wait;

  /** Whether the guest ended its side before the far end did, and when. */
  private boolean isFarEndAwaited;

  private long guestEndedNanos;

  private boolean isUploadEnded;
  private boolean isControl;

  private Flow(GuestConnection guest, Lane lane) {
    this.guest = guest;
    this.lane = lane;
    this.counters = lane.flowCounters();
    this.dialogue = new Dialogue(guest.port());
  }

  /** Begins a flow for a guest's request. */
  static void start(GuestConnection guest, Lane lane) {
    lane.flowCounters().requested++;
    var flow = new Flow(guest, lane);
    guest.handler(flow);
    var egress = lane.egress();
    var connecting =
        egress.connect(
            lane.loop(),
            lane.isolationKey(guest),
            guest.address(),
            guest.port(),
            // A read may overshoot what the guest's queue has room for by one buffer, not by many.
            new ReadSizes(guest.transmitBytes(), guest.sendCapacityBytes()),
            flow);
    flow.connecting = connecting;
    connecting.addListener(result -> flow.guarded(() -> flow.connected(connecting)));
  }

  private void connected(Future<Channel> result) {
    connecting = null;
    if (!result.isSuccess()) {
      if (!guestClosed) {
        refuse(result.cause());
      }
      return;
    }
    var stream = result.getNow();
    channel = stream;
    if (guestClosed) {
      stream.close();
      return;
    }
    counters.opened++;
    lane.liveness().watch();
    openedNanos = System.nanoTime();
    noteControl();
    guest.accept();
    readWhileWritable();
  }

  /**
   * Limits the buffers of a stream's socket. Once the egress has sent its FIN, Netty reads all that
   * is left whether it was asked to or not, so this bounds what then lies here in place of there;
   * and what waits in a large send buffer is far behind the guest's FIN. The kernel begins with
   * little and grows a buffer with what was moved, so those of a short stream are left alone.
   */
  private void limitBuffers(Channel stream) {
    if (!areBuffersLimited
        && dialogue.sentBytes() + dialogue.receivedBytes() >= SHORT_STREAM_BYTES
        && stream.isOpen()) {
      areBuffersLimited = true;
      guarded(() -> {
        stream.config().setOption(ChannelOption.SO_RCVBUF, guest.sendCapacityBytes());
        stream.config().setOption(ChannelOption.SO_SNDBUF, guest.sendCapacityBytes());
      });
    }
  }

  private void refuse(Throwable cause) {
    isRefused = true;
    var refusal = lane.egress().refusal(cause);
    if (refusal == Egress.Refusal.NONE) {
      lane.exhausted(cause);
      tell("left without an answer: " + cause.getMessage());
    } else {
      counters.refused++;
      tell("refused: " + cause.getMessage());
    }
    if (lane.egress().isGone(cause)) {
      lane.liveness().noteGone(System.nanoTime());
    }
    switch (refusal) {
      case NONE -> guest.ignore();
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
    counters.bytesOut += length;
    if (stream == null || streamGone) {
      // Not consumed either: the guest's window closes on what nobody takes.
      counters.discardedBytesOut += length;
      data.release();
      return;
    }
    dialogue.guestSaid(data);
    counters.waitingBytesOut += length;
    if (batchBytes == 0) {
      lane.flushAtEndOfBatch(this);
    }
    batchBytes += length;
    int pinned = MemoryFootprint.of(data);
    batchPinned += pinned;
    guest.memory().charge(pinned);
    stream.write(data, stream.voidPromise());
    limitBuffers(stream);
  }

  /** Gives what was written since the last call to the stream's socket. */
  void flush() {
    var stream = channel;
    int length = batchBytes;
    int pinned = batchPinned;
    batchBytes = 0;
    batchPinned = 0;
    if (stream != null && length > 0) {
      acknowledgmentsMayWait = true;
      // One promise for the batch, on an empty buffer behind it, rather than one for each segment.
      guarded(() ->
          stream
              .writeAndFlush(Unpooled.EMPTY_BUFFER)
              .addListener(written -> guarded(() -> written(length, pinned, written))));
    }
  }

  private void written(int length, int pinned, Future<?> result) {
    counters.waitingBytesOut -= length;
    guest.memory().release(pinned);
    lane.pausedFlows().memoryWasReleased();
    if (result.isSuccess()) {
      if (wait != null) {
        wait.written();
      }
      guest.consumed(length);
    } else {
      counters.discardedBytesOut += length;
      streamFailed(result.cause());
    }
  }

  @Override
  public void endOfStream() {
    var stream = channel;
    if (stream != null && !streamEnded) {
      isFarEndAwaited = true;
      guestEndedNanos = System.nanoTime();
      wait =
          new FarEndWait(
              lane,
              guest,
              dialogue,
              stream,
              openedNanos - requestedNanos,
              this::guarded,
              this::farEndIsSilent);
      wait.written();
      restartWait();
    }
  }

  @Override
  public void acknowledged(int bytes) {
    waitingIn -= bytes;
    counters.waitingBytesIn -= bytes;
    restartWait();
    if (streamGone) {
      cutOnceDelivered();
    } else {
      readWhileWritable();
    }
  }

  @Override
  public void closed(CloseReason reason) {
    if (guestClosed) {
      return;
    }
    guestIsClosed();
    var stream = channel;
    if (stream == null) {
      closedUnopened(reason);
      return;
    }
    switch (reason) {
      case NORMAL -> {
        counters.ended++;
        tell(isUploadEnded ? "ended by the guest, as an upload" : "ended by both");
      }
      case RESET_BY_PEER, REFUSED_BY_PEER -> {
        counters.resetByGuest++;
        tell("reset by the guest");
      }
      case TIMED_OUT -> {
        counters.guestVanished++;
        tell("the guest does not answer any more");
      }
      case ABORTED, REFUSED, DROPPED -> {
        if (guest.isEvicted()) {
          counters.madeRoom++;
          tell("ended to make room for others");
        } else {
          counters.shutDown++;
          tell("ended with the gateway");
        }
      }
    }
    if (reason == CloseReason.NORMAL) {
      drain(stream);
    } else {
      stream.close();
    }
  }

  private void closedUnopened(CloseReason reason) {
    switch (reason) {
      case REFUSED, DROPPED -> {
        // What was refused was counted then.
        if (!isRefused && guest.isEvicted()) {
          counters.madeRoom++;
          tell("ended to make room for others, unanswered");
        } else if (!isRefused) {
          counters.abandoned++;
          tell("given up by the guest, unanswered");
        }
      }
      case ABORTED -> {
        counters.shutDown++;
        tell("ended with the gateway, unanswered");
      }
      case NORMAL, RESET_BY_PEER, REFUSED_BY_PEER, TIMED_OUT -> {
        counters.abandoned++;
        tell("given up by the guest, unanswered");
      }
    }
    if (connecting != null) {
      connecting.cancel(false);
    }
  }

  /** Closes the stream once the guest's last bytes are in its socket, or after a while. */
  private void drain(Channel stream) {
    flush();
    stream.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    if (stream.isOpen()) {
      var timeout =
          lane.loop()
              .schedule(
                  () -> {
                    counters.undrained++;
                    stream.close();
                  },
                  lane.flowConfig().drain().toNanos(),
                  TimeUnit.NANOSECONDS);
      stream.closeFuture().addListener(closed -> timeout.cancel(false));
    }
  }

  // From the egress.

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    var data = compact((ByteBuf) message);
    counters.bytesIn += data.readableBytes();
    if (guestClosed || outputShut) {
      counters.discardedBytesIn += data.readableBytes();
      data.release();
      return;
    }
    if (!guest.memory().mayHold(data)) {
      counters.discardedBytesIn += data.readableBytes();
      data.release();
      cutForMemory();
      return;
    }
    dialogue.farEndSaid(data);
    noteControl();
    int length = data.readableBytes();
    waitingIn += length;
    counters.waitingBytesIn += length;
    restartWait();
    guest.send(data);
    limitBuffers(context.channel());
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    if (channel != null && acknowledgmentsMayWait) {
      // It lasts until we write again.
      SocksClient.acknowledgeAtOnce(channel);
      acknowledgmentsMayWait = false;
    }
    readWhileWritable();
  }

  private void readWhileWritable() {
    if (channel == null || guestClosed || streamEnded || !guest.isWritable()) {
      return;
    }
    if (guest.memory().admitsReading()) {
      channel.read();
    } else {
      lane.pausedFlows().add(this);
    }
  }

  /** Memory was released: reads on, if that was what it waited for. */
  void resume() {
    guarded(this::readWhileWritable);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == ChannelInputShutdownEvent.INSTANCE) {
      streamEnded();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    streamFailed(null);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // The second is what Netty makes of ENOTCONN: of a socket that was reset, and has said so once.
    if (cause instanceof IOException || cause instanceof NotYetConnectedException) {
      streamFailed(cause);
    } else {
      failed(cause);
    }
  }

  private void streamEnded() {
    if (streamEnded || guestClosed) {
      return;
    }
    streamEnded = true;
    stopWait();
    lane.liveness()
        .ask(alive ->
            guarded(() -> {
              if (guestClosed) {
                return;
              }
              // One that has died since is another, though it is back: the stream died with it.
              if (alive && !lane.liveness().wasGoneSince(openedNanos)) {
                outputShut = true;
                guest.shutdownOutput();
                cutOnceDelivered();
              } else {
                counters.egressLost++;
                cut("the egress is gone");
              }
            }));
  }

  /** The stream is gone, as a whole, or takes no more bytes. */
  private void streamFailed(@Nullable Throwable cause) {
    if (channel != null) {
      channel.close();
    }
    if (guestClosed || streamGone) {
      return;
    }
    if (!streamEnded) {
      counters.streamLost++;
      cut("the stream is gone" + (cause == null ? "" : ": " + SocksException.words(cause)));
    } else {
      streamGone = true;
      cutOnceDelivered();
    }
  }

  /** Tells a guest whose stream is gone, but not before it has all that came through the stream. */
  private void cutOnceDelivered() {
    if (streamGone && outputShut && !guestClosed && guest.queuedBytes() == 0) {
      counters.streamLost++;
      cut("the stream is gone, what came is delivered");
    }
  }

  // When something goes wrong.

  /** Ends both sides at once: the guest gets a RST. Whoever calls it counts the reason. */
  private void cut(String reason) {
    endBoth("cut: " + reason);
  }

  private void endBoth(String how) {
    if (!guestClosed) {
      guestIsClosed();
      tell(how);
      guest.abort();
    }
    if (connecting != null) {
      connecting.cancel(false);
    }
    if (channel != null) {
      channel.close();
    }
  }

  /** Ends the flow since it, or its guest, holds too much memory. */
  void cutForMemory() {
    counters.cutForMemory += guestClosed ? 0 : 1;
    cut("memory is short");
  }

  private void guestIsClosed() {
    guestClosed = true;
    stopWait();
    lane.pausedFlows().remove(this);
    if (isControl) {
      lane.controlConnections().remove(guest);
    }
    counters.waitingBytesIn -= waitingIn;
    waitingIn = 0;
  }

  /** A few bytes must not keep a large buffer: they wait in one of their own size. */
  private static ByteBuf compact(ByteBuf data) {
    if (data.readableBytes() >= MemoryFootprint.pinnedBytes(data) / 2) {
      return data;
    }
    try {
      return data.alloc().directBuffer(data.readableBytes()).writeBytes(data);
    } finally {
      data.release();
    }
  }

  /** Runs what Netty would log an exception of and go on. */
  private void guarded(Runnable event) {
    try {
      event.run();
    } catch (RuntimeException | OutOfMemoryError e) {
      failed(e);
    }
  }

  private void failed(Throwable cause) {
    if (cause instanceof OutOfMemoryError) {
      lane.failed(cause);
      cutForMemory();
      return;
    }
    counters.failed++;
    lane.failed(cause);
    cut("handling it failed");
  }

  // The wait of a half-closed flow.

  private void restartWait() {
    if (wait != null) {
      wait.restart();
      guest.likelyDone(dialogue.farEndSpokeLast() && waitingIn == 0);
    }
  }

  private void stopWait() {
    if (wait != null) {
      wait.stop();
      wait = null;
      guest.likelyDone(false);
    }
  }

  private void farEndIsSilent() {
    if (wait != null && wait.isWholeUpload()) {
      counters.uploads++;
      isUploadEnded = true;
      streamEnded();
    } else if (dialogue.farEndSpokeLast()) {
      counters.endedByGuest++;
      endBoth("ended by the guest, and the far end had nothing to add");
    } else {
      counters.silent++;
      cut("no answer after the guest's end");
    }
  }

  private void noteControl() {
    if (dialogue.isControl() && !isControl) {
      isControl = true;
      lane.controlConnections().add(guest);
    }
  }

  /** One line for the flow, when it is over. Logs that are not asked for do not tell who spoke. */
  private void tell(String how) {
    if (log.isDebugEnabled()) {
      log.debug(
          "{}: {}; {} bytes out, {} in, {}{}",
          guest,
          how,
          dialogue.sentBytes(),
          dialogue.receivedBytes(),
          seconds(requestedNanos),
          isWaitWorthALine()
              ? ", " + seconds(guestEndedNanos) + " of it after the guest's end"
              : "");
    }
  }

  private boolean isWaitWorthALine() {
    return isFarEndAwaited && System.nanoTime() - guestEndedNanos >= LONG_WAIT_NANOS;
  }

  private static String seconds(long sinceNanos) {
    return String.format(Locale.ROOT, "%.3f s", (System.nanoTime() - sinceNanos) / 1e9);
  }
}
