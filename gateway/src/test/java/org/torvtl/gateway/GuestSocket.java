/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.ByteArrayOutputStream;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ConnectionOwner;
import org.torvtl.tcp.InitialNumbers;
import org.torvtl.tcp.SegmentTransmitter;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** One TCP connection of a {@link GuestHost}. Methods are for the test's thread unless they say. */
final class GuestSocket implements ConnectionHandler, SegmentTransmitter {
  private static final int SECONDS = 20;
  private static final int CHUNK = 16 << 10;

  final CompletableFuture<Void> established = new CompletableFuture<>();
  final CompletableFuture<Void> ended = new CompletableFuture<>();
  final CompletableFuture<CloseReason> closed = new CompletableFuture<>();

  private final GuestHost host;
  private final int localPort;
  private final int address;
  private final int port;
  private final MessageDigest digest;
  private final StringBuilder text = new StringBuilder();
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private @Nullable TcpConnection tcp;
  private @Nullable ScheduledFuture<?> timer;
  private @Nullable Source source;
  private @Nullable Random pauses;
  private long timerNanos;
  private long received;
  private long waitedFor = Long.MAX_VALUE;
  private CompletableFuture<Void> reached = new CompletableFuture<>();
  private boolean reading = true;
  private int unread;
  private volatile int flagsSeen;
  private volatile int lastWindow;

  /** Bytes to send, chunk by chunk; {@code null} ends them. */
  interface Source {
    byte @Nullable [] next(int most);
  }

  GuestSocket(GuestHost host, int localPort, int address, int port) {
    this.host = host;
    this.localPort = localPort;
    this.address = address;
    this.port = port;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  int localPort() {
    return localPort;
  }

  int address() {
    return address;
  }

  int port() {
    return port;
  }

  /** On the loop. */
  void open() {
    tcp =
        TcpConnection.open(
            host.config(),
            host.counters,
            new InitialNumbers(localPort * 7919, 0),
            new ConnectionOwner(this, this),
            host.now());
    settle();
  }

  private TcpConnection tcp() {
    var present = tcp;
    if (present == null) {
      throw new IllegalStateException("not opened");
    }
    return present;
  }

  // What the test does.

  void send(String ascii) throws Exception {
    host.runOnLoop(() -> {
      ByteBuf data =
          ByteBufUtil.encodeString(
              ByteBufAllocator.DEFAULT, CharBuffer.wrap(ascii), StandardCharsets.US_ASCII);
      tcp().send(data, host.now());
      settle();
    });
  }

  void send(byte[] all) throws Exception {
    host.runOnLoop(() -> {
      tcp().send(ByteBufAllocator.DEFAULT.directBuffer(all.length).writeBytes(all), host.now());
      settle();
    });
  }

  /** Sends all of a source, as the connection takes it, and then a FIN. */
  void sendAll(Source all, @Nullable Random withPauses) throws Exception {
    host.runOnLoop(() -> {
      source = all;
      pauses = withPauses;
      fill();
    });
  }

  void finish() throws Exception {
    host.runOnLoop(() -> {
      tcp().shutdownOutput(host.now());
      settle();
    });
  }

  void abort() throws Exception {
    host.runOnLoop(() -> {
      tcp().abort(host.now());
      settle();
    });
  }

  /** The guest's kernel forgets the connection, and says nothing ever again. */
  void vanish() throws Exception {
    host.runOnLoop(() -> {
      tcp().drop();
      settle();
    });
  }

  /** Sends a RST though the engine would not: as a kernel does that gives up a connect. */
  void resetWhileConnecting() throws Exception {
    host.runOnLoop(() -> {
      tcp().drop();
      settle();
      host.sendTcp(
          GuestHost.ADDRESS,
          localPort,
          address,
          port,
          new TcpHeader().sequence(localPort * 7919 + 1).flags(TcpSegment.RST),
          Unpooled.EMPTY_BUFFER);
    });
  }

  /** Whether what arrives is taken out of the receive buffer. */
  void reading(boolean reads) throws Exception {
    host.runOnLoop(() -> {
      reading = reads;
      if (reads && unread > 0) {
        int bytes = unread;
        unread = 0;
        tcp().consumed(bytes, host.now());
        settle();
      }
    });
  }

  // What the test sees.

  boolean saw(int flag) {
    return (flagsSeen & flag) != 0;
  }

  /** The window field of the last segment that came, not scaled. */
  int lastWindow() {
    return lastWindow;
  }

  long received() throws Exception {
    return host.onLoop(() -> received);
  }

  int unacknowledged() throws Exception {
    return host.onLoop(() -> tcp().queuedBytes());
  }

  String text() throws Exception {
    return host.onLoop(text::toString);
  }

  /** The first 64 KiB of what came. */
  byte[] bytes() throws Exception {
    return host.onLoop(bytes::toByteArray);
  }

  byte[] sha256() throws Exception {
    return host.onLoop(digest::digest);
  }

  void awaitReceived(long bytes) throws Exception {
    host.onLoop(
            () -> {
              waitedFor = bytes;
              reached = new CompletableFuture<>();
              checkReached();
              return reached;
            })
        .get(SECONDS, TimeUnit.SECONDS);
  }

  void awaitText(String expected) throws Exception {
    awaitReceived(expected.length());
    assertThat(text()).isEqualTo(expected);
  }

  void awaitEstablished() throws Exception {
    established.get(SECONDS, TimeUnit.SECONDS);
  }

  void awaitEnd() throws Exception {
    ended.get(SECONDS, TimeUnit.SECONDS);
  }

  CloseReason awaitClosed() throws Exception {
    return closed.get(SECONDS, TimeUnit.SECONDS);
  }

  // On the loop.

  private void checkReached() {
    if (received >= waitedFor) {
      reached.complete(null);
    }
  }

  void receive(TcpSegment segment, ByteBuf payload) {
    flagsSeen |= segment.flags();
    lastWindow = segment.window();
    tcp().receive(segment, payload, host.now());
    settle();
  }

  private void settle() {
    var connection = tcp();
    if (connection.state() == TcpState.CLOSED) {
      host.forget(this);
      if (timer != null) {
        timer.cancel(false);
        timer = null;
      }
      return;
    }
    long deadline = connection.deadlineNanos();
    if (host.cable().gatewayLoop().isShuttingDown()) {
      return;
    }
    if (deadline == Long.MAX_VALUE || (timer != null && timerNanos - deadline <= 0)) {
      return;
    }
    if (timer != null) {
      timer.cancel(false);
    }
    timerNanos = deadline;
    timer =
        host.cable()
            .gatewayLoop()
            .schedule(this::onTimer, deadline - host.now(), TimeUnit.NANOSECONDS);
  }

  private void onTimer() {
    timer = null;
    tcp().onDeadline(host.now());
    settle();
  }

  private void fill() {
    var from = source;
    if (from == null || tcp().state() == TcpState.CLOSED) {
      return;
    }
    while (tcp().isWritable()) {
      var chunk = from.next(CHUNK);
      if (chunk == null) {
        source = null;
        tcp().shutdownOutput(host.now());
        break;
      }
      var data = ByteBufAllocator.DEFAULT.directBuffer(chunk.length).writeBytes(chunk);
      tcp().send(data, host.now());
      if (pauses != null && pauses.nextInt(200) == 0) {
        source = null;
        host.cable()
            .gatewayLoop()
            .schedule(
                () -> {
                  source = from;
                  fill();
                },
                pauses.nextInt(20),
                TimeUnit.MILLISECONDS);
        break;
      }
    }
    settle();
  }

  @Override
  public void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    host.sendTcp(GuestHost.ADDRESS, localPort, address, port, header, payload);
  }

  @Override
  public void established() {
    established.complete(null);
  }

  @Override
  public void data(ByteBuf data) {
    int length = data.readableBytes();
    digest.update(data.nioBuffer());
    received += length;
    if (text.length() < 1024) {
      text.append(data.toString(StandardCharsets.US_ASCII));
    }
    if (bytes.size() < 1 << 16) {
      bytes.writeBytes(ByteBufUtil.getBytes(data));
    }
    data.release();
    unread += length;
    checkReached();
    if (pauses != null && reading && pauses.nextInt(500) == 0) {
      reading = false;
      host.cable()
          .gatewayLoop()
          .schedule(
              () -> {
                reading = true;
                consume();
                settle();
              },
              pauses.nextInt(20),
              TimeUnit.MILLISECONDS);
    }
    if (reading) {
      consume();
    }
  }

  private void consume() {
    int bytes = unread;
    unread = 0;
    tcp().consumed(bytes, host.now());
  }

  @Override
  public void endOfStream() {
    ended.complete(null);
  }

  @Override
  public void acknowledged(int bytes) {
    fill();
  }

  @Override
  public void closed(CloseReason reason) {
    closed.complete(reason);
    established.completeExceptionally(new AssertionError("closed: " + reason));
    ended.completeExceptionally(new AssertionError("closed: " + reason));
  }
}
