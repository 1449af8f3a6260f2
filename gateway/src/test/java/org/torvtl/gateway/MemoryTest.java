/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.torvtl.tcp.CloseReason;

/** All flows together hold no more than they may, whatever guests and far ends do. */
class MemoryTest {
  private static final int BUFFER_BYTES = 4 << 20;

  /** What one read may bring beyond it. */
  private static final int OVERSHOOT = 64 << 10;

  @Test
  void guestsThatDoNotReadCostABoundedAmount() throws Exception {
    try (var world = new LaneWorld(BUFFER_BYTES)) {
      long most = openWithoutReading(world, 200);
      assertThat(most).isPositive().isLessThanOrEqualTo(BUFFER_BYTES + OVERSHOOT);
      assertThat(world.linkFailure).isNotDone();
    }
  }

  @Test
  void whenMemoryIsShortNewFlowsAreRefused() throws Exception {
    try (var world = new LaneWorld(OVERSHOOT)) {
      openWithoutReading(world, 50);
      assertThat(world.onLoop(() -> world.counters().refusedForMemory)).isPositive();
    }
  }

  /** Opens flows, each to a far end that sends much, and answers the most they held together. */
  private static long openWithoutReading(LaneWorld world, int flows) throws Exception {
    // The far end ends at once, so that Netty reads what is not asked for, too.
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
          () -> world.counters().opened + world.counters().refused == answered);
      most = Math.max(most, world.onLoop(() -> world.counters().waitingBytesIn));
    }
    return most;
  }

  @Test
  void outOfMemoryEndsTheLane() throws Exception {
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
