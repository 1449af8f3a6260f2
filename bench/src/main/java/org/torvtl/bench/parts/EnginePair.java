/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.tcp.ConnectionOwner;
import org.torvtl.tcp.InitialNumbers;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** Two engines and a cable that takes a microsecond for a segment, and now and then loses one. */
final class EnginePair {
  private static final long SEGMENT_NANOS = 1_000;
  private static final int SEED = 4711;

  private final TcpConfig config;
  private final TcpCounters counters = new TcpCounters();
  private final SplittableRandom random = new SplittableRandom(SEED);
  private final int lossOneIn;
  private final Queue<Delivery> cable = new ArrayDeque<>();
  private final TcpSegment segment = new TcpSegment();
  private final End sender = new End();
  private final End receiver = new End();
  private long nowNanos;

  /** A segment under way, header and payload in one buffer. */
  private record Delivery(End to, ByteBuf bytes) {}

  EnginePair(int segmentBytes, int lossOneIn) {
    this.lossOneIn = lossOneIn;
    config =
        TcpConfig.defaults()
            .withMaxSegmentSize(1460)
            .withMaxTransmitBytes(Math.max(1460, segmentBytes));
    sender.peer = receiver;
    receiver.peer = sender;
    sender.connection =
        TcpConnection.open(config, counters, new InitialNumbers(1, 1), sender.owner(), nowNanos);
    while (!sender.established || !receiver.established) {
      step();
    }
  }

  /** Sends bytes and returns when the receiver has all of them: how many it has by now. */
  long transfer(ByteBuf data) {
    long goal = receiver.received + data.readableBytes();
    sender.open().send(data.retainedDuplicate(), nowNanos);
    while (receiver.received < goal) {
      step();
    }
    return receiver.received;
  }

  /** Drops both ends and what is under way. */
  void close() {
    sender.open().drop();
    receiver.open().drop();
    cable.forEach(delivery -> delivery.bytes.release());
    cable.clear();
  }

  private void step() {
    var next = cable.poll();
    if (next == null) {
      nowNanos = Math.min(sender.deadlineNanos(), receiver.deadlineNanos());
      if (nowNanos == Long.MAX_VALUE) {
        throw new IllegalStateException("nothing is under way, and nobody waits for anything");
      }
    } else {
      nowNanos += SEGMENT_NANOS;
      try {
        next.to.arrive(next.bytes);
      } finally {
        next.bytes.release();
      }
    }
    sender.onTime();
    receiver.onTime();
  }

  private final class End implements ConnectionHandler {
    private @Nullable End peer;
    private @Nullable TcpConnection connection;
    private boolean established;
    private long received;

    ConnectionOwner owner() {
      return new ConnectionOwner(this, this::transmit);
    }

    TcpConnection open() {
      if (connection == null) {
        throw new IllegalStateException("no connection");
      }
      return connection;
    }

    long deadlineNanos() {
      return connection == null ? Long.MAX_VALUE : connection.deadlineNanos();
    }

    void onTime() {
      if (connection != null && deadlineNanos() <= nowNanos) {
        connection.onDeadline(nowNanos);
      }
    }

    void arrive(ByteBuf bytes) {
      segment.wrap(bytes, 0, bytes.readableBytes());
      if (segment.defectBesidesChecksum() != null) {
        throw new IllegalStateException("not a segment");
      }
      if (connection == null) {
        connection =
            TcpConnection.passive(
                config, counters, new InitialNumbers(2, 2), segment, owner(), nowNanos);
        connection.accept(nowNanos);
      } else {
        connection.receive(
            segment, bytes.slice(segment.payloadOffset(), segment.payloadLength()), nowNanos);
      }
    }

    void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
      if (lossOneIn > 0 && payload.isReadable() && random.nextInt(lossOneIn) == 0) {
        return;
      }
      var bytes =
          ByteBufAllocator.DEFAULT.directBuffer(
              TcpSegment.MAX_HEADER_LENGTH + payload.readableBytes());
      int length = segment.compose(bytes, 0, 1, 2, header);
      bytes.writerIndex(length);
      bytes.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
      cable.add(new Delivery(other(), bytes));
    }

    private End other() {
      if (peer == null) {
        throw new IllegalStateException("no peer");
      }
      return peer;
    }

    @Override
    public void established() {
      established = true;
    }

    @Override
    public void data(ByteBuf data) {
      int length = data.readableBytes();
      received += length;
      data.release();
      open().consumed(length, nowNanos);
    }

    @Override
    public void endOfStream() {}

    @Override
    public void acknowledged(int bytes) {}

    @Override
    public void closed(CloseReason reason) {
      if (reason != CloseReason.DROPPED) {
        throw new IllegalStateException("the connection ended: " + reason);
      }
    }
  }
}
