/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.SplittableRandom;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * A peer that sees every segment of the engine and obeys no rule. Part of what it sends is as it
 * should be, so that the connection gets somewhere; the rest is near to that or far from it: any
 * flags, numbers before and beyond the windows, impossible SACK blocks, old timestamps, windows
 * that close, shrink and leap, or no segment at all but bytes. Only one thing it is held to: what
 * stands at a place in its stream is always the same, so that it can be told whether the engine
 * delivers the right bytes.
 */
final class HostilePeer implements Wire.End {
  private static final int[] FLAGS = {
    TcpSegment.ACK,
    TcpSegment.ACK,
    TcpSegment.ACK | TcpSegment.PSH,
    TcpSegment.ACK | TcpSegment.FIN,
    TcpSegment.ACK | TcpSegment.URG,
    TcpSegment.SYN,
    TcpSegment.SYN | TcpSegment.ACK,
    TcpSegment.RST,
    TcpSegment.RST | TcpSegment.ACK,
    TcpSegment.FIN,
    0
  };

  private final Timeline timeline;
  private final SplittableRandom random;
  private final ByteBufAllocator allocator;
  private final Tally tally;
  private final StreamBytes stream;
  private final int synSequence;
  private final int plausiblePercent;
  private final int resetPercent;
  private final int mostBytes;
  private final long pauseNanos;
  private final boolean sack;
  private final boolean timestamps;
  private final int windowScale;
  private final int mss;
  private final boolean resetsInTheEnd;
  private final TcpOptions options = new TcpOptions();

  private Wire out;
  private int left;
  private boolean engineIsKnown;
  private int engineNext;
  private int engineOldest;
  private boolean engineAcknowledges;
  private int expected;
  private int window;
  private int lastTimestamp;

  HostilePeer(
      Scenario.Side side,
      Timeline timeline,
      SplittableRandom random,
      ByteBufAllocator allocator,
      Tally tally,
      StreamBytes stream,
      Wire out) {
    this.timeline = timeline;
    this.random = random;
    this.allocator = allocator;
    this.tally = tally;
    this.stream = stream;
    this.out = out;
    synSequence = side.numbers().sequence();
    plausiblePercent = random.nextInt(101);
    resetPercent = random.nextInt(3) == 0 ? 10 : 0;
    mostBytes = random.nextInt(4) == 0 ? 60_000 : 1 + random.nextInt(3000);
    pauseNanos = 1 + random.nextLong(random.nextBoolean() ? 2 * Scenario.MILLI : Scenario.SECOND);
    sack = random.nextBoolean();
    timestamps = random.nextBoolean();
    windowScale =
        random.nextBoolean() ? TcpOptions.NO_WINDOW_SCALE : random.nextInt(2) * random.nextInt(256);
    mss = random.nextInt(4) == 0 ? random.nextInt(65_536) : 1460;
    resetsInTheEnd = random.nextBoolean();
    left = 20 + random.nextInt(300);
  }

  /** Begins to send. */
  void start(boolean opens) {
    if (opens) {
      send(synSequence, 0, TcpSegment.SYN, 65_535, 0, syn());
    }
    timeline.in(1 + random.nextLong(pauseNanos), this::act);
  }

  /** How many segments it will still send of its own accord. */
  int left() {
    return left;
  }

  @Override
  public void arrive(TcpSegment segment, ByteBuf payload) {
    if (segment.has(TcpSegment.RST)) {
      return;
    }
    int end = segment.sequence() + segment.sequenceLength();
    if (!engineIsKnown) {
      engineIsKnown = true;
      engineNext = end;
      engineOldest = segment.sequence();
    }
    engineNext = end - engineNext > 0 ? end : engineNext;
    if (segment.has(TcpSegment.ACK)) {
      engineAcknowledges = true;
      expected = segment.acknowledgment();
      window = segment.window();
    }
    if (segment.options().hasTimestamps()) {
      lastTimestamp = segment.options().timestampValue();
    }
    if (left > 0 && random.nextInt(100) < plausiblePercent) {
      timeline.in(1 + random.nextLong(pauseNanos), this::behave);
    } else if (left == 0 && resetsInTheEnd && segment.has(TcpSegment.ACK)) {
      send(segment.acknowledgment(), 0, TcpSegment.RST, 0, 0, options.clear());
    }
  }

  private void act() {
    if (left == 0) {
      return;
    }
    left--;
    if (random.nextInt(100) < plausiblePercent) {
      behave();
    } else if (random.nextInt(20) == 0) {
      sendGarbage();
    } else {
      misbehave();
    }
    timeline.in(1 + random.nextLong(pauseNanos), this::act);
  }

  /** Sends what an honest peer might. */
  private void behave() {
    if (left == 0) {
      return;
    }
    if (!engineIsKnown) {
      send(synSequence, 0, TcpSegment.SYN, 65_535, 0, syn());
    } else if (!engineAcknowledges) {
      send(synSequence, engineNext, TcpSegment.SYN | TcpSegment.ACK, 65_535, 0, syn());
    } else {
      int length =
          random.nextBoolean() ? 0 : Math.min(Math.max(0, window), random.nextInt(mostBytes));
      boolean fin = random.nextInt(60) == 0;
      engineOldest = engineNext;
      send(
          expected,
          engineNext,
          TcpSegment.ACK | (fin ? TcpSegment.FIN : 0),
          random.nextInt(4) == 0 ? random.nextInt(3000) : 65_535,
          length,
          plain(now()));
    }
  }

  private void misbehave() {
    int flags = random.nextInt(8) == 0 ? random.nextInt(256) : FLAGS[random.nextInt(FLAGS.length)];
    if ((flags & TcpSegment.RST) != 0 && random.nextInt(100) >= resetPercent) {
      flags &= ~TcpSegment.RST;
    }
    boolean isSyn = (flags & TcpSegment.SYN) != 0;
    int length = random.nextInt(3) == 0 ? random.nextInt(mostBytes) : random.nextInt(2);
    var given = isSyn ? syn() : plain(now() + around());
    if (!isSyn && random.nextInt(3) == 0) {
      for (int i = random.nextInt(given.hasTimestamps() ? 3 : 4); i >= 0; i--) {
        int from = engineOldest + around();
        given.addSack(from, from + random.nextInt(random.nextBoolean() ? 3000 : 1 << 20) - 5);
      }
    }
    int base = engineAcknowledges ? expected : synSequence;
    send(
        base + around(),
        (random.nextBoolean() ? engineNext : engineOldest) + around(),
        flags,
        switch (random.nextInt(4)) {
          case 0 -> 0;
          case 1 -> random.nextInt(10);
          case 2 -> 65_535;
          default -> random.nextInt(65_536);
        },
        length,
        given);
  }

  /** A distance: none, a little, about a window, or anything. */
  private int around() {
    int distance =
        switch (random.nextInt(8)) {
          case 0, 1, 2 -> 0;
          case 3 -> random.nextInt(3);
          case 4 -> random.nextInt(3000);
          case 5 -> random.nextInt(1 + window);
          case 6 -> 1 << random.nextInt(32);
          default -> random.nextInt();
        };
    return random.nextInt(3) == 0 ? -distance : distance;
  }

  private void sendGarbage() {
    int length = random.nextInt(120);
    var bytes = new byte[length];
    random.nextBytes(bytes);
    if (length > 12 && random.nextBoolean()) {
      // A header of plausible length, so that the options are looked at; in a SYN, a stream that
      // is not ours would begin.
      bytes[12] = (byte) ((5 + random.nextInt(11)) << 4);
    }
    if (length > 13) {
      bytes[13] |= TcpSegment.SYN | TcpSegment.FIN;
    }
    out.put(allocator.buffer(length + 1).writeBytes(bytes));
  }

  private int now() {
    return (int) (timeline.elapsedNanos() / Scenario.MILLI);
  }

  private TcpOptions syn() {
    options.clear().mss(mss).sackPermitted(sack).windowScale(windowScale);
    return timestamps ? options.timestamps(now(), lastTimestamp) : options;
  }

  private TcpOptions plain(int timestamp) {
    options.clear();
    return timestamps ? options.timestamps(timestamp, lastTimestamp) : options;
  }

  private void send(
      int sequence, int acknowledgment, int flags, int field, int length, TcpOptions given) {
    tally.forged++;
    boolean shifted = (flags & TcpSegment.SYN) != 0;
    var payload = allocator.buffer(length + 1);
    stream.write(payload, sequence - synSequence - 1 + (shifted ? 1 : 0), length);
    var header =
        new TcpHeader(given)
            .sequence(sequence)
            .acknowledgment(acknowledgment)
            .flags(flags)
            .window(field);
    out.send(header, payload, 0, length);
    payload.release();
  }
}
