/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.example;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ConnectionOwner;
import org.torvtl.tcp.IsnGenerator;
import org.torvtl.tcp.ResetSegment;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** A client and an echo server, each with a TCP of its own, on a wire in memory. */
public final class Echo {
  private final TcpCounters counters = new TcpCounters();
  private final IsnGenerator numbers = new IsnGenerator(secret());
  private final Queue<Runnable> wire = new ArrayDeque<>();
  private final StringBuilder log = new StringBuilder();
  private long nowNanos;

  /** Runs until nothing is left to do, and tells what happened. */
  public static String run() {
    var echo = new Echo();
    var client = echo.new Host("client", 0x0A000001, 49_152);
    var server = echo.new Host("server", 0x0A000002, 7);
    client.peer = server;
    server.peer = client;
    client.open();
    while (echo.step(client, server)) {}
    return echo.log.toString();
  }

  /**
   * Whatever comes next: a packet arrives, or time passes until a connection wants to be called.
   */
  private boolean step(Host... hosts) {
    var packet = wire.poll();
    if (packet != null) {
      packet.run();
      return true;
    }
    long next = Long.MAX_VALUE;
    for (var host : hosts) {
      next = Math.min(next, host.deadlineNanos());
    }
    if (next == Long.MAX_VALUE) {
      return false;
    }
    nowNanos = Math.max(nowNanos, next);
    for (var host : hosts) {
      host.onDeadline();
    }
    return true;
  }

  private static byte[] secret() {
    var secret = new byte[IsnGenerator.SECRET_LENGTH];
    new SecureRandom().nextBytes(secret);
    return secret;
  }

  /** What owns a connection: it knows addresses and ports, and hears the events. */
  private final class Host implements ConnectionHandler {
    private final String name;
    private final int address;
    private final int port;
    private final ConnectionOwner owner = new ConnectionOwner(this, this::transmit);
    private final TcpSegment segment = new TcpSegment();
    private Host peer = this;
    private @Nullable TcpConnection connection;

    Host(String name, int address, int port) {
      this.name = name;
      this.address = address;
      this.port = port;
    }

    void open() {
      var isn = numbers.next(/* remoteHost= */ 0, address, port, peer.address, peer.port, nowNanos);
      connection = TcpConnection.open(TcpConfig.defaults(), counters, isn, owner, nowNanos);
    }

    /** A packet came: check it, find its connection, hand it over. */
    void arrive(ByteBuf packet) {
      segment.wrap(packet, 0, packet.readableBytes());
      if (segment.defect(peer.address, address) == null) {
        var payload = packet.slice(segment.payloadOffset(), segment.payloadLength());
        var open = connection;
        if (open != null && open.state() != TcpState.CLOSED) {
          open.receive(segment, payload, nowNanos);
        } else if (segment.has(TcpSegment.SYN) && !segment.has(TcpSegment.ACK)) {
          accept();
        } else {
          ResetSegment.answer(segment, this::transmit);
        }
      }
      packet.release();
    }

    /** A SYN came. The connection says nothing before accept, which may as well come later. */
    private void accept() {
      var isn = numbers.next(/* remoteHost= */ 0, address, port, peer.address, peer.port, nowNanos);
      var held =
          TcpConnection.passive(TcpConfig.defaults(), counters, isn, segment, owner, nowNanos);
      connection = held;
      held.accept(nowNanos);
    }

    /** The engine sends: put header and payload together, and the checksum last. */
    private void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
      int length = payload.readableBytes();
      var packet = Unpooled.buffer(TcpSegment.MAX_HEADER_LENGTH + length);
      var out = new TcpSegment();
      int headerLength = out.compose(packet, 0, port, peer.port, header);
      long pseudo =
          InternetChecksum.pseudoHeaderSum(
              address, peer.address, TcpSegment.PROTOCOL, headerLength + length);
      out.updateChecksum(pseudo, payload);
      packet.writerIndex(headerLength).writeBytes(payload, payload.readerIndex(), length);
      var to = peer;
      wire.add(() -> to.arrive(packet));
    }

    long deadlineNanos() {
      return connection == null ? Long.MAX_VALUE : connection.deadlineNanos();
    }

    void onDeadline() {
      if (connection != null) {
        connection.onDeadline(nowNanos);
      }
    }

    @Override
    public void established() {
      tell("established");
      if (connection != null && port != 7) {
        connection.send(Unpooled.copiedBuffer("hello", UTF_8), nowNanos);
        connection.shutdownOutput(nowNanos);
      }
    }

    /** The buffer is ours now; its bytes count against the window until we say otherwise. */
    @Override
    public void data(ByteBuf data) {
      int bytes = data.readableBytes();
      tell("received " + data.toString(UTF_8));
      if (connection != null && port == 7) {
        connection.send(data, nowNanos);
      } else {
        data.release();
      }
      if (connection != null) {
        connection.consumed(bytes, nowNanos);
      }
    }

    @Override
    public void endOfStream() {
      tell("end of stream");
      if (connection != null) {
        connection.close(nowNanos);
      }
    }

    @Override
    public void acknowledged(int bytes) {
      tell("acknowledged " + bytes);
    }

    @Override
    public void closed(CloseReason reason) {
      tell("closed " + reason);
    }

    private void tell(String what) {
      log.append(name).append(": ").append(what).append('\n');
    }
  }
}
