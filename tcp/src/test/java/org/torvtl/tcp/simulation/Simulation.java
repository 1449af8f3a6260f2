/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.simulation.Scenario.Kind;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** One run: sets up what its {@link Scenario} says, and lets time pass until nothing happens. */
final class Simulation {
  private static final long TIME_LIMIT_NANOS = 48 * 3600 * Scenario.SECOND;
  private static final long PROGRESS_LIMIT_NANOS = 1800 * Scenario.SECOND;
  private static final long ABORT_LIMIT_NANOS = 1200 * Scenario.SECOND;
  private static final int EVENT_LIMIT = 1_000_000;

  private static final int[] FORGED = {
    TcpSegment.RST, TcpSegment.SYN, TcpSegment.ACK, TcpSegment.RST | TcpSegment.ACK
  };

  private final Scenario scenario;
  private final SplittableRandom random;
  private final Tally tally;
  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false, true);
  private final Timeline timeline;
  private final Endpoint left;
  private final @Nullable Endpoint right;
  private final @Nullable HostilePeer hostile;
  private final Wire toLeft;
  private final Wire toRight;
  private boolean aborted;

  /**
   * Sets up a run.
   *
   * @param tally counts what happens
   * @param sink hears what happens, line by line, if there is one
   */
  Simulation(long seed, Tally tally, @Nullable Consumer<String> sink) {
    random = new SplittableRandom(seed);
    this.tally = tally;
    scenario = Scenario.draw(random);
    if (sink != null) {
      sink.accept("seed " + seed + ": " + scenario);
    }
    timeline = new Timeline(scenario.startNanos());
    boolean honest = scenario.kind() == Kind.TWO_ENGINES;
    int leftSequence = scenario.left().numbers().sequence();
    int rightSequence = scenario.right().numbers().sequence();
    var rightward = new Trace(timeline, sink, leftSequence, rightSequence);
    var leftward = new Trace(timeline, sink, rightSequence, leftSequence);
    var fromLeft = new StreamBytes(0x1EF7);
    var fromRight = new StreamBytes(0x817E7);
    left =
        new Endpoint(
            "left",
            scenario.left(),
            timeline,
            random,
            allocator,
            tally,
            rightward,
            fromLeft,
            fromRight,
            rightSequence,
            honest);
    toLeft =
        new Wire(
            "-> left",
            scenario.leftward(),
            scenario.middlebox(),
            timeline,
            random,
            allocator,
            tally,
            leftward,
            left);
    Wire.End end;
    if (honest) {
      hostile = null;
      right =
          new Endpoint(
              "right",
              scenario.right(),
              timeline,
              random,
              allocator,
              tally,
              leftward,
              fromRight,
              fromLeft,
              leftSequence,
              true);
      right.attach(toLeft);
      end = right;
    } else {
      right = null;
      hostile =
          new HostilePeer(scenario.right(), timeline, random, allocator, tally, fromRight, toLeft);
      end = hostile;
    }
    toRight =
        new Wire(
            "-> right",
            scenario.rightward(),
            scenario.middlebox(),
            timeline,
            random,
            allocator,
            tally,
            rightward,
            end);
    left.attach(toRight);
  }

  /** Runs to the end, or throws {@link Broken}, or whatever the engine throws. */
  void run() {
    tally.runs++;
    if (right != null) {
      startTwoEngines(right);
    } else if (hostile != null) {
      tally.hostileRuns++;
      startHostile(hostile);
    }
    int events = 0;
    try {
      while (step()) {
        events++;
        checkProgress(events);
        checkMemory();
      }
      checkEnd();
    } catch (Broken broken) {
      throw new Broken(
          broken.getMessage() + " after " + timeline.elapsedNanos() / Scenario.MILLI + " ms");
    } finally {
      tally.events += events;
    }
  }

  private void startTwoEngines(Endpoint peer) {
    left.open();
    if (scenario.simultaneous()) {
      peer.open();
    }
    if (scenario.abortAtNanos() != Timeline.NEVER) {
      timeline.at(
          scenario.abortAtNanos(), () -> aborted = (random.nextBoolean() ? left : peer).abort());
      // Where the reset was lost and an end has nothing to send, nothing will ever tell it.
      timeline.at(ABORT_LIMIT_NANOS, () -> drop(peer));
    }
    if (scenario.forger()) {
      timeline.at(random.nextLong(Scenario.SECOND), () -> forge(peer));
    }
  }

  private void drop(Endpoint peer) {
    if (aborted) {
      left.drop();
      peer.drop();
    }
  }

  private void startHostile(HostilePeer peer) {
    boolean engineOpens = !scenario.simultaneous() && random.nextBoolean();
    if (engineOpens || scenario.simultaneous()) {
      left.open();
    }
    peer.start(!engineOpens);
    timeline.in(Scenario.SECOND, () -> endHostile(peer));
  }

  /** Once the storm is over, the owner closes or aborts; the rest is up to the engine. */
  private void endHostile(HostilePeer peer) {
    if (peer.left() > 0) {
      timeline.in(Scenario.SECOND, () -> endHostile(peer));
    } else if (random.nextInt(4) == 0) {
      left.abort();
    } else {
      left.close();
    }
  }

  /** Does what comes next in time; false if nothing does. */
  private boolean step() {
    long next = timeline.nextNanos();
    long leftDeadline = left.deadlineNanos();
    long rightDeadline = right == null ? Timeline.NEVER : right.deadlineNanos();
    long deadline = Math.min(leftDeadline, rightDeadline);
    if (next == Timeline.NEVER && deadline == Timeline.NEVER) {
      return false;
    }
    if (next <= deadline) {
      timeline.step();
    } else {
      timeline.advanceTo(deadline);
      if (right == null || leftDeadline == deadline) {
        left.connection().onDeadline();
      } else {
        right.connection().onDeadline();
      }
    }
    return true;
  }

  private void checkProgress(int events) {
    long elapsed = timeline.elapsedNanos();
    if (events >= EVENT_LIMIT || elapsed >= TIME_LIMIT_NANOS) {
      Broken.unless(false, "no end after %s events: %s", events, this);
    }
    if (right != null && !aborted && !(left.connection().isOver() && right.connection().isOver())) {
      long since = Math.max(left.progressNanos(), right.progressNanos());
      if (elapsed - since > PROGRESS_LIMIT_NANOS) {
        Broken.unless(false, "nothing has moved for half an hour: %s", this);
      }
    }
  }

  private void checkMemory() {
    long held =
        allocator.metric().usedHeapMemory() - toLeft.bytesUnderWay() - toRight.bytesUnderWay();
    long bound =
        left.connection().memoryBound() + (right == null ? 0 : right.connection().memoryBound());
    if (held > bound) {
      Broken.unless(false, "holds %s bytes, more than %s: %s", held, bound, this);
    }
  }

  private void checkEnd() {
    left.connection().checkOver();
    if (right != null) {
      right.connection().checkOver();
      if (!aborted) {
        left.checkWell(right);
        right.checkWell(left);
      }
    }
    long leaked = allocator.metric().usedHeapMemory();
    Broken.unless(leaked == 0, "%s bytes of buffers not released", leaked);
  }

  /**
   * A segment of somebody who does not see the wire: numbers at random, or, as if he had tried them
   * all, such as hit the window but not the one place where they would count; which that is he must
   * not learn by accident, so his segments arrive at once.
   */
  private void forge(Endpoint peer) {
    if (aborted || (left.connection().isOver() && peer.connection().isOver())) {
      return;
    }
    var to = random.nextBoolean() ? left : peer;
    if (to.isSynchronized()) {
      int flags = FORGED[random.nextInt(FORGED.length)];
      boolean near = random.nextBoolean();
      int sequence =
          near ? to.connection().expected() + random.nextInt(2, 30_000) : random.nextInt();
      // Acknowledging what was never sent, or what was ages ago.
      int acknowledgment = to.connection().nextToSend() + 2 + random.nextInt(Integer.MAX_VALUE / 2);
      int length = random.nextInt(16);
      var payload = allocator.buffer(16).writeZero(length);
      var header =
          new TcpHeader()
              .sequence(sequence)
              .acknowledgment(acknowledgment)
              .flags(flags)
              .window(1000);
      (to == left ? toLeft : toRight).inject(header, payload);
      payload.release();
    }
    timeline.in(1 + random.nextLong(Scenario.SECOND), () -> forge(peer));
  }

  @Override
  public String toString() {
    return right == null ? left.toString() : left + "; " + right;
  }
}
