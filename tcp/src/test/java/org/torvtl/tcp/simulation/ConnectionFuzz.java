/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.CongestionControl;
import org.torvtl.tcp.InitialNumbers;
import org.torvtl.tcp.KeepAlive;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * The engine as a whole as a fuzz target. The bytes of an input are a configuration and then steps:
 * time passes, the owner does something, a segment arrives. Bytes of 0 mean what is usual, so that
 * short inputs get far. In the end the owner closes and the peer falls silent; then the connection
 * has to end by itself. The checks are those of the simulator.
 */
public final class ConnectionFuzz implements CheckedConnection.Owner {
  private static final int MOST_STEPS = 500;

  /** No round number before: a deadline of exactly the largest number would mean none. */
  private static final long CLOCK_BEFORE_OVERFLOW =
      Long.MAX_VALUE - 2 * Scenario.SECOND - 1_234_567;

  /** Timers that may run between two steps, or after the last. */
  private static final int MOST_DEADLINES = 5000;

  private static final int[] SEGMENT_SIZES = {1460, 64, 536, 8960};
  private static final int[] CAPACITIES = {
    1 << 20, 1, 500, 4380, 65_535, 65_536, 1 << 18, 1 << 16 << 3
  };
  private static final int[] SEQUENCES = {0, -1, -700, Integer.MAX_VALUE - 300};
  private static final long[] PAUSES = {
    1_000_000,
    0,
    1,
    10_000_000,
    40_000_000,
    200_000_000,
    Scenario.SECOND,
    30 * Scenario.SECOND,
    60 * Scenario.SECOND,
    200 * Scenario.SECOND
  };

  private final byte[] input;
  private int at;
  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false, true);
  private final StreamBytes incoming = new StreamBytes(0x817E7);
  private final TcpSegment segment = new TcpSegment();
  private final TcpOptions options = new TcpOptions();
  private final int peerSequence;
  private final boolean active;
  private final boolean eager;
  private final boolean peerScales;
  private final CheckedConnection connection;
  private long nowNanos;
  private int engineNext;

  private ConnectionFuzz(byte[] input) {
    this.input = input;
    int shape = next();
    int more = next();
    int numbers = next();
    active = (shape & 1) != 0;
    eager = (more & 1) != 0;
    int mss = SEGMENT_SIZES[(shape >> 2) & 3];
    int capacity = CAPACITIES[(shape >> 4) & 7];
    var config =
        TcpConfig.defaults()
            .withMaxSegmentSize(mss)
            .withMaxTransmitBytes((shape & 2) != 0 ? 65_495 : mss)
            .withCapacity(capacity, CAPACITIES[(more >> 1) & 7]);
    if ((more & 0x10) != 0) {
      config = config.withCongestionControl(CongestionControl.Algorithm.NEW_RENO);
    }
    if ((more & 0x20) != 0) {
      config = config.withInitialReceiveBytes(1);
    }
    if ((more & 0x40) != 0) {
      config = config.withKeepAlive(new KeepAlive(5 * Scenario.SECOND, Scenario.SECOND, 3));
    }
    // The same in each of its SYNs, or the checks could not know which of them counted.
    peerScales = (more & 0x80) == 0;
    peerSequence = SEQUENCES[(numbers >> 2) & 3];
    nowNanos = (numbers & 0x10) != 0 ? CLOCK_BEFORE_OVERFLOW : 0;
    var side =
        new Scenario.Side(
            config,
            new InitialNumbers(SEQUENCES[numbers & 3], numbers << 24),
            0,
            0,
            0,
            0,
            0,
            false,
            0);
    engineNext = side.numbers().sequence();
    connection =
        new CheckedConnection(
            "engine",
            side,
            new TcpCounters(),
            () -> nowNanos,
            new StreamBytes(0x1EF7),
            incoming,
            peerSequence + 1,
            false,
            this::transmit,
            this);
  }

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] input) {
    new ConnectionFuzz(input).run();
  }

  private int next() {
    return at < input.length ? input[at++] & 0xFF : 0;
  }

  private int nextShort() {
    return (short) (next() << 8 | next());
  }

  private void run() {
    if (active) {
      connection.open();
    }
    for (int step = 0; step < MOST_STEPS && at < input.length; step++) {
      int what = next();
      if (what < 0xA0 || !connection.exists()) {
        arrive(what);
      } else if (what < 0xC0) {
        pass(PAUSES[what % PAUSES.length]);
      } else {
        act(what);
      }
      long held = allocator.metric().usedHeapMemory();
      connection.check(held <= connection.memoryBound(), "holds %s bytes", held);
    }
    if (connection.exists() && !connection.isOver()) {
      connection.close();
    }
    passDeadlines(Timeline.NEVER);
    connection.checkOver();
    long leaked = allocator.metric().usedHeapMemory();
    Broken.unless(leaked == 0, "%s bytes of buffers not released", leaked);
  }

  /** So much time passes, with whatever is due in it. */
  private void pass(long nanos) {
    long until = nowNanos + nanos;
    passDeadlines(nanos);
    nowNanos = until;
  }

  private void passDeadlines(long nanos) {
    long start = nowNanos;
    for (int i = 0; i < MOST_DEADLINES; i++) {
      long deadline = connection.deadlineNanos();
      if (deadline == Timeline.NEVER || (nanos != Timeline.NEVER && deadline - start > nanos)) {
        return;
      }
      nowNanos = deadline - nowNanos > 0 ? deadline : nowNanos;
      connection.onDeadline();
    }
    Broken.unless(false, "%s has always something to do", connection);
  }

  private void act(int what) {
    if (connection.isOver()) {
      return;
    }
    switch (what % 12) {
      case 0, 1, 2, 3 -> {
        int length = 1 + (next() << (what >> 3 & 7));
        if (!connection.isShut() && connection.isWritable()) {
          connection.send(allocator.buffer(length, length), length);
        }
      }
      case 4, 5 -> {
        int unread = connection.unconsumed();
        if (unread > 0) {
          connection.consume(1 + (int) ((long) next() * (unread - 1) / 255));
        }
      }
      case 6 -> connection.accept();
      case 7 -> connection.shutdownOutput();
      case 8 -> connection.onDeadline();
      case 10 -> connection.packetTooLarge(engineNext - nextShort(), nextShort());
      case 9 -> {
        switch (next() % 8) {
          case 1 -> connection.refuse();
          case 2 -> connection.drop();
          case 3 -> connection.abort();
          default -> connection.close();
        }
      }
      default -> pass(nanosToDeadline());
    }
  }

  private long nanosToDeadline() {
    long deadline = connection.deadlineNanos();
    return deadline == Timeline.NEVER ? 0 : Math.max(0, deadline - nowNanos);
  }

  /** A segment of the peer arrives, the usual one in as far as the bytes are 0. */
  private void arrive(int how) {
    int flags = flags(how);
    boolean syn = (flags & TcpSegment.SYN) != 0;
    boolean begun = connection.exists() && !awaitsSyn();
    int usual = begun ? connection.expected() : peerSequence;
    int sequence =
        usual
            + switch (how & 3) {
              case 1 -> (byte) next();
              case 2 -> nextShort();
              case 3 -> nextShort() << 16 | (nextShort() & 0xFFFF);
              default -> 0;
            };
    int form = how < 8 ? 0 : next();
    int acknowledgment =
        engineNext
            - switch (form & 3) {
              case 1 -> next();
              case 2 -> nextShort();
              case 3 -> nextShort() << 16 | (nextShort() & 0xFFFF);
              default -> 0;
            };
    int window =
        switch ((form >> 2) & 3) {
          case 1 -> 0;
          case 2 -> next();
          case 3 -> nextShort() & 0xFFFF;
          default -> 0xFFFF;
        };
    int length =
        switch ((form >> 4) & 3) {
          case 1 -> next();
          case 2 -> 1460;
          case 3 -> nextShort() & 0xFFFF;
          default -> 0;
        };
    fillOptions(syn, (form & 0x40) != 0 ? next() : 0);
    deliver(sequence, acknowledgment, flags, window, Math.min(length, 65_000));
  }

  private boolean awaitsSyn() {
    return connection.state() == TcpState.HELD || connection.state() == TcpState.SYN_SENT;
  }

  private int flags(int how) {
    return switch ((how >> 2) & 7) {
      case 1 -> TcpSegment.ACK | TcpSegment.FIN;
      case 2 -> TcpSegment.RST;
      case 3 -> TcpSegment.SYN;
      case 4 -> TcpSegment.SYN | TcpSegment.ACK;
      case 5 -> next();
      default ->
          !connection.exists()
              ? TcpSegment.SYN
              : connection.state() == TcpState.SYN_SENT
                  ? TcpSegment.SYN | TcpSegment.ACK
                  : TcpSegment.ACK;
    };
  }

  private void fillOptions(boolean syn, int how) {
    options.clear();
    boolean strange = (how & 1) != 0;
    int stamp = (int) (nowNanos / Scenario.MILLI) + (strange ? nextShort() : 0);
    if (syn) {
      options.mss((how & 2) != 0 ? nextShort() & 0xFFFF : 1460);
      if (peerScales) {
        options.windowScale((how & 4) != 0 ? next() : 7);
      }
      options.sackPermitted((how & 8) == 0);
    }
    if ((how & 16) == 0) {
      options.timestamps(stamp, (int) (nowNanos / Scenario.MILLI));
    }
    int blocks = syn ? 0 : Math.min(how >> 5, (how & 16) == 0 ? 3 : 4);
    int first = engineNext - connection.written() + connection.acknowledgedBytes();
    for (int i = 0; i < blocks; i++) {
      int left = first + nextShort();
      options.addSack(left, left + nextShort());
    }
  }

  private void deliver(int sequence, int acknowledgment, int flags, int window, int length) {
    int header = TcpSegment.MIN_HEADER_LENGTH + options.length();
    var bytes = allocator.buffer(header + length, header + length);
    try {
      segment.compose(
          bytes,
          0,
          1,
          2,
          new TcpHeader(options)
              .sequence(sequence)
              .acknowledgment(acknowledgment)
              .flags(flags)
              .window(window));
      bytes.writerIndex(header);
      int position = sequence - peerSequence - 1 + ((flags & TcpSegment.SYN) != 0 ? 1 : 0);
      incoming.write(bytes, position, length);
      segment.wrap(bytes, 0, header + length);
      if (segment.defectBesidesChecksum() != null) {
        return;
      }
      if (connection.exists()) {
        connection.receive(segment, bytes.slice(header, length));
      } else if (segment.has(TcpSegment.SYN)
          && !segment.has(TcpSegment.ACK)
          && !segment.has(TcpSegment.RST)) {
        connection.hold(segment);
      }
    } finally {
      bytes.release();
    }
  }

  private void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    if (header.has(TcpSegment.RST)) {
      return;
    }
    int taken = header.has(TcpSegment.SYN) ? 1 : header.flags() & TcpSegment.FIN;
    int end = header.sequence() + payload.readableBytes() + taken;
    engineNext = end - engineNext > 0 ? end : engineNext;
  }

  @Override
  public void established() {}

  @Override
  public void received(int bytes) {
    if (eager) {
      connection.consumeAll();
    }
  }

  @Override
  public void ended() {}

  @Override
  public void acknowledged() {}

  @Override
  public void closed(CloseReason reason) {}
}
