/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import java.util.SplittableRandom;
import org.torvtl.tcp.CongestionControl;
import org.torvtl.tcp.InitialNumbers;
import org.torvtl.tcp.KeepAlive;
import org.torvtl.tcp.TcpConfig;

/**
 * What a run consists of, drawn from its seed.
 *
 * @param kind who is at the ends
 * @param startNanos what the engines' clock shows at the beginning
 * @param rightward what happens to segments on their way from left to right
 * @param leftward what happens on the way back
 * @param middlebox which options get through
 * @param left the end that opens
 * @param right the other; of a hostile peer only what it is taken for
 * @param simultaneous whether both open at once
 * @param forger whether somebody who sees nothing sends guesses to both
 * @param abortAtNanos when an owner aborts, from the beginning, or {@link Timeline#NEVER}
 */
record Scenario(
    Kind kind,
    long startNanos,
    WireShape rightward,
    WireShape leftward,
    Middlebox middlebox,
    Side left,
    Side right,
    boolean simultaneous,
    boolean forger,
    long abortAtNanos) {
  static final long MILLI = 1_000_000L;
  static final long SECOND = 1000 * MILLI;

  /** Below this no path is believed to be. */
  private static final int LEAST_PATH = 536;

  /** Who is at the ends. */
  enum Kind {
    TWO_ENGINES,
    HOSTILE_PEER
  }

  /**
   * What a wire does. Chances are of 1.
   *
   * @param nanosPerByte how long a byte takes; 0 for a wire of no bounds
   * @param queueNanos segments that would have to wait longer for the wire are lost
   * @param outageFromNanos from then on everything is lost
   * @param outageToNanos until then
   * @param mostBytes what takes more bytes of options and payload does not get through
   */
  record WireShape(
      double loss,
      double repetition,
      double damage,
      double truncation,
      double reordering,
      long delayNanos,
      long jitterNanos,
      int nanosPerByte,
      long queueNanos,
      long outageFromNanos,
      long outageToNanos,
      int mostBytes) {
    static WireShape draw(SplittableRandom random) {
      boolean clean = random.nextInt(8) == 0;
      long delay = random.nextBoolean() ? 50_000 : random.nextLong(100 * MILLI);
      int nanosPerByte = random.nextBoolean() ? 0 : random.nextInt(1, 1000);
      boolean outage = random.nextInt(6) == 0;
      long from = outage ? random.nextLong(2 * SECOND) : 0;
      return new WireShape(
          clean ? 0 : random.nextDouble() * 0.2,
          clean ? 0 : random.nextDouble() * 0.1,
          clean ? 0 : random.nextDouble() * 0.03,
          clean ? 0 : random.nextDouble() * 0.02,
          clean ? 0 : random.nextDouble() * 0.2,
          delay,
          1 + (random.nextBoolean() ? delay / 8 : 2 * delay),
          nanosPerByte,
          (random.nextInt(4) == 0 ? 20 : 2000) * MILLI,
          from,
          outage ? from + random.nextLong(random.nextBoolean() ? SECOND : 30 * SECOND) : 0,
          random.nextInt(10) == 0 ? random.nextInt(LEAST_PATH, 3000) : Integer.MAX_VALUE);
    }
  }

  /** Something in both directions that takes options out of a SYN, so that they are not used. */
  record Middlebox(boolean stripsSack, boolean stripsTimestamps, boolean stripsScale) {
    static Middlebox draw(SplittableRandom random) {
      return new Middlebox(random.nextInt(3) == 0, random.nextInt(3) == 0, random.nextInt(3) == 0);
    }
  }

  /**
   * One end: an engine and the application above it.
   *
   * @param streamBytes how much the application writes
   * @param writeBytes the most it writes at once
   * @param readPercent the chance that it reads when it gets the processor
   * @param pauseNanos how often it does, about
   * @param stallNanos how long it sometimes does not
   * @param closes whether it closes both directions once it has read the end
   * @param decision what it does with a peer's SYN: accepts it where that is above 1, else refuses
   *     (0) or drops it (1). Where the peer is honest it always accepts
   */
  record Side(
      TcpConfig config,
      InitialNumbers numbers,
      int streamBytes,
      int writeBytes,
      int readPercent,
      long pauseNanos,
      long stallNanos,
      boolean closes,
      int decision) {
    static Side draw(SplittableRandom random, Kind kind) {
      int mss =
          switch (random.nextInt(8)) {
            case 0, 1 -> 1460;
            case 2 -> 536;
            case 3 -> random.nextInt(2) == 0 ? 8960 : 65_495;
            case 4 -> random.nextInt(64, 65_496);
            case 5 -> 64;
            default -> random.nextInt(64, 1460);
          };
      int transmit = random.nextInt(3) == 0 ? random.nextInt(mss, 65_496) : mss;
      int receive = capacity(random);
      var config = configure(random, kind, mss, transmit, receive, capacity(random));
      int sequence =
          random.nextInt(3) == 0 ? random.nextInt() : -1 - random.nextInt(1 << random.nextInt(18));
      boolean tiny = config.initialReceiveBytes() < 3000;
      return new Side(
          config,
          new InitialNumbers(sequence, random.nextInt()),
          streamBytes(random),
          1 + random.nextInt(random.nextInt(3) == 0 ? 4 * mss : 20_000),
          // An application that reads little of little at a time takes hours.
          (tiny ? 40 : 1) + random.nextInt(60),
          100_000 + random.nextLong(random.nextBoolean() ? 5 * MILLI : 500 * MILLI),
          random.nextInt(16) == 0 && !tiny
              ? random.nextLong(300 * SECOND)
              : random.nextLong(5 * SECOND),
          random.nextInt(4) == 0,
          random.nextInt(20));
    }

    private static int capacity(SplittableRandom random) {
      return 1
          + switch (random.nextInt(8)) {
            case 0 -> random.nextInt(3000);
            case 1 -> random.nextInt(65_530, 65_545);
            case 2 -> random.nextInt(1 << 22);
            default -> random.nextInt(1 << 18);
          };
    }

    private static int streamBytes(SplittableRandom random) {
      return switch (random.nextInt(8)) {
        case 0 -> 0;
        case 1, 2 -> random.nextInt(200);
        default -> random.nextInt(StreamBytes.PERIOD >> random.nextInt(10));
      };
    }

    private static TcpConfig configure(
        SplittableRandom random, Kind kind, int mss, int transmit, int receive, int send) {
      boolean patient = kind == Kind.TWO_ENGINES;
      return new TcpConfig(
          mss,
          transmit,
          receive,
          send,
          random.nextInt(1000),
          SECOND,
          200 * MILLI,
          60 * SECOND,
          (patient ? 3600 : 180) * SECOND,
          patient ? 40 : 7,
          patient ? 40 : 5,
          40 * MILLI,
          60 * SECOND,
          60 * SECOND,
          random.nextInt(4) == 0
              ? CongestionControl.Algorithm.NEW_RENO
              : CongestionControl.Algorithm.CUBIC,
          random.nextInt(3) == 0 ? 1 + random.nextInt(receive) : Math.min(receive, 64 << 10),
          random.nextInt(4) == 0
              ? new KeepAlive(
                  random.nextLong(SECOND, 60 * SECOND),
                  random.nextLong(SECOND, 20 * SECOND),
                  patient ? 400 : 5)
              : KeepAlive.OFF);
    }

    Side withStream(int bytes) {
      // Much data written a few bytes at a time takes too many events.
      return new Side(
          config,
          numbers,
          bytes,
          Math.max(writeBytes, bytes / 300),
          readPercent,
          pauseNanos,
          stallNanos,
          closes,
          decision);
    }
  }

  static Scenario draw(SplittableRandom random) {
    var kind = random.nextInt(4) == 0 ? Kind.HOSTILE_PEER : Kind.TWO_ENGINES;
    var left = Side.draw(random, kind);
    var right = Side.draw(random, kind);
    int steps = random.nextInt(8) == 0 ? 3000 : 300;
    return new Scenario(
        kind,
        // Near the ends of the clock's range as well, where comparing by value would go wrong.
        random.nextInt(4) == 0 ? Long.MAX_VALUE - random.nextLong(20 * SECOND) : random.nextLong(),
        WireShape.draw(random),
        WireShape.draw(random),
        Middlebox.draw(random),
        left.withStream(bounded(left, right, steps)),
        right.withStream(bounded(right, left, steps)),
        random.nextInt(8) == 0,
        random.nextInt(4) == 0,
        random.nextInt(6) == 0 ? random.nextLong(2 * SECOND) : Timeline.NEVER);
  }

  /** Much data through a window of a few bytes, or in tiny segments, takes too many events. */
  private static int bounded(Side from, Side to, int steps) {
    int segment = Math.min(from.config.maxSegmentSize(), to.config.maxSegmentSize());
    int step = Math.min(segment, to.config.initialReceiveBytes());
    return Math.min(from.streamBytes, steps * step);
  }
}
