/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.CloseReason;

/** All flows together hold no more than they may, whatever guests and remote ends do. */
class MemoryTest {
  private static final int BUFFER_BYTES = 4 << 20;

  @Test
  void guestsThatDoNotReadCostABoundedAmount() throws Exception {
    try (var world = new LaneWorld(BUFFER_BYTES)) {
      long most = openWithoutReading(world, 200);
      assertThat(most).isBetween(BUFFER_BYTES / 4L, (long) BUFFER_BYTES);
      assertThat(world.linkFailure).isNotDone();
    }
  }

  @Test
  void whenMemoryIsShortNewFlowsAreNotTaken() throws Exception {
    try (var world = new LaneWorld(64 << 10)) {
      openWithoutReading(world, 50);
      assertThat(notTaken(world)).isPositive();
    }
  }

  private static long notTaken(LaneWorld world) throws Exception {
    return world.onLoop(() -> world.lane.stack().counters().dropCount(Drop.TCP_MEMORY));
  }

  /** Opens flows, each to a remote end that sends much, and answers the most they held together. */
  private static long openWithoutReading(LaneWorld world, int flows) throws Exception {
    // The remote end ends at once, so that Netty reads what is not asked for, too.
    world.proxy.plays(stream -> {
      try {
        stream.accept();
        stream.out().write(new byte[200_000]);
        stream.socket().shutdownOutput();
        stream.awaitEnd();
      } catch (IOException e) {
        // The gateway has cut the stream, as it may.
        stream.socket().close();
      }
    });
    long most = 0;
    for (int i = 0; i < flows; i++) {
      long answered = i + 1L;
      world.guest.connect(GuestHost.FAR, 80).vanish();
      world.await(
          "the request is answered",
          () ->
              world.counters().opened
                      + world.counters().refused
                      + world.lane.stack().counters().dropCount(Drop.TCP_MEMORY)
                  >= answered);
      most = Math.max(most, world.onLoop(() -> world.lane.stack().memory().heldBytes()));
    }
    return most;
  }

  /** What a stream does not take is held once, by what it pins, and released when it is taken. */
  @Test
  void whatIsOnItsWayToTheEgressIsCharged() throws Exception {
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        go.await();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      var left = new AtomicInteger(16 << 20);
      socket.sendAll(most -> left.addAndGet(-most) < 0 ? null : new byte[most], null);
      world.await(
          "the stream takes no more",
          () ->
              world.lane.stack().memory().heldBytes() > 300_000
                  && world.lane.stack().memory().heldBytes() >= world.counters().waitingBytesOut);
      go.countDown();
      world.await("all is taken", () -> world.counters().waitingBytesOut == 0);
      world.await(
          "only the connection is held", () -> world.lane.stack().memory().heldBytes() <= 2 * 4096);
    }
  }

  /** A guest with all it may hold unread reads on, and all its flows go on. */
  @Test
  void pausedFlowsGoOnOnceMemoryIsReleased() throws Exception {
    try (var world = new LaneWorld(1 << 20)) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.out().write(new byte[400_000]);
        stream.socket().shutdownOutput();
        stream.awaitEnd();
      });
      var sockets = new ArrayList<GuestSocket>();
      for (int i = 0; i < 12; i++) {
        sockets.add(world.guest.connected());
      }
      for (var socket : sockets) {
        socket.awaitEnd();
        assertThat(socket.received()).isEqualTo(400_000);
      }
    }
  }

  @Test
  void aFailedAllocationCutsFlowsAndTheLaneLives() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.awaitEnd();
      });
      var first = world.guest.connected();
      world.guest.runOnLoop(() -> world.lane.failed(new OutOfMemoryError("made by the test")));
      assertThat(first.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.onLoop(() -> world.counters().cutForMemory)).isEqualTo(1);
      world.guest.connected();
      assertThat(world.linkFailure).isNotDone();
    }
  }

  @Test
  void outOfMemoryWithNothingHeldEndsTheLane() throws Exception {
    try (var world = new LaneWorld()) {
      world.lane.failed(new OutOfMemoryError("no more"));
      assertThat(world.linkFailure.join()).hasMessageContaining("out of memory: no more");
    }
  }

  @Test
  void aDefectDoesNot() throws Exception {
    try (var world = new LaneWorld()) {
      world.lane.failed(new IllegalStateException("made by the test"));
      assertThat(world.linkFailure).isNotDone();
      world.proxy.plays(stream -> stream.refuse(5));
      assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.awaitNothingOpen();
    }
  }
}
