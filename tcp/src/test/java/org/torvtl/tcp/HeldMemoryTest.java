/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.dataFin;

import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.MemoryFootprint;

/** What a connection holds is charged by what it pins, all of it, and released again. */
class HeldMemoryTest {
  private static final int FRAME = 64 << 10;

  private final Account account = new Account();
  private final FailingAllocator allocator = new FailingAllocator();
  private final Script guest = script().account(account).sackPermitted();

  /** Counts, and refuses when told so. */
  private static final class Account implements PayloadAccount {
    private long outOfOrder;
    private long queued;
    private boolean admits = true;
    private boolean takesOutOfOrder = true;
    private int failures;

    @Override
    public boolean admits(int bytes) {
      return admits;
    }

    @Override
    public boolean chargeOutOfOrder(int bytes) {
      outOfOrder += takesOutOfOrder ? bytes : 0;
      return takesOutOfOrder;
    }

    @Override
    public void releaseOutOfOrder(int bytes) {
      outOfOrder -= bytes;
      assertThat(outOfOrder).isNotNegative();
    }

    @Override
    public void charge(int bytes) {
      queued += bytes;
    }

    @Override
    public void release(int bytes) {
      queued -= bytes;
      assertThat(queued).isNotNegative();
    }

    @Override
    public void allocationFailed(OutOfMemoryError cause) {
      failures++;
    }
  }

  @AfterEach
  void end() {
    allocator.fails(false);
    guest.end();
    assertThat(account.outOfOrder).isZero();
    assertThat(account.queued).isZero();
  }

  /** The attack: a kilobyte of payload each, in frames that are padded to 64 KiB. */
  @Test
  void smallSegmentsDoNotPinLargeFrames() {
    guest.framesOf(UnpooledByteBufAllocator.DEFAULT, FRAME).established();
    for (int i = 0; i < 10; i++) {
      guest.sends(data(1 + 2048 * i, 1024));
    }
    guest.skip();
    assertThat(account.outOfOrder).isBetween(10L * 1024, 10L * (1024 + MemoryFootprint.OVERHEAD));
  }

  /** Where a frame is not copied, what it pins is charged, not what is useful of it. */
  @Test
  void whatIsPinnedIsCharged() {
    guest.framesOf(UnpooledByteBufAllocator.DEFAULT, FRAME).established();
    guest.sends(data(1, FRAME / 4)).skip();
    assertThat(account.outOfOrder).isGreaterThanOrEqualTo(FRAME);
  }

  @Test
  void tinySegmentsAreChargedForMoreThanTheirBytes() {
    guest.established();
    for (int i = 0; i < 50; i++) {
      guest.sends(data(1 + 2 * i, 1));
    }
    guest.skip();
    assertThat(account.outOfOrder).isGreaterThanOrEqualTo(50L * MemoryFootprint.OVERHEAD);
  }

  @Test
  void whatIsQueuedToBeSentIsCharged() {
    guest.established().guestWindow(0).sends(ack(0)).weSend(10_000).weSend(1).skip();
    assertThat(account.queued).isGreaterThan(10_001);
  }

  @Test
  void withoutRoomOutOfOrderDataIsDropped() {
    account.takesOutOfOrder = false;
    guest.established().sends(data(1000, 500)).expect(ack(0).sack());
    assertThat(guest.counters.droppedForMemory()).isEqualTo(1);
    account.takesOutOfOrder = true;
    guest.sends(data(1000, 500)).expect(ack(0).sack(1000, 1500));
    guest.sends(data(0, 1000)).expect(ack(1500).sack()).expectEvents("data 1000", "data 500");
  }

  @Test
  void withoutRoomDataInOrderComesAgain() {
    guest.established();
    account.admits = false;
    guest.sends(data(0, 500)).expect(ack(0)).expectEvents();
    assertThat(guest.counters.droppedForMemory()).isEqualTo(1);
    account.admits = true;
    guest.sends(data(0, 500)).expect(ack(500)).expectEvents("data 500");
  }

  /** RFC 2018, section 8: what was reported may be given up, and is not reported any more. */
  @Test
  void whatIsGivenUpIsReportedNoMore() {
    guest.established().sends(data(1000, 500)).expect(ack(0).sack(1000, 1500));
    guest.sends(dataFin(2000, 500)).expect(ack(0).sack(2000, 2500, 1000, 1500));
    guest.connection().dropOutOfOrder();
    assertThat(account.outOfOrder).isZero();
    assertThat(guest.counters.reneged()).isEqualTo(1);
    guest.sends(data(0, 1000)).expect(ack(1000).sack()).expectEvents("data 1000");
    guest.sends(data(1000, 1000)).expect(ack(2000).sack()).expectEvents("data 1000");
    guest.sends(dataFin(2000, 500)).expect(ack(2501).sack());
    guest.expectEvents("data 500", "end of stream");
  }

  @Test
  void aFailedAllocationCostsTheSegment() {
    guest.framesOf(allocator, FRAME).established();
    guest.sends(data(1000, 500)).expect(ack(0).sack(1000, 1500));
    var frames = new SplittableRandom(1);
    for (int i = 0; i < 20; i++) {
      guest
          .failing(allocator, data(frames.nextInt(1500, 9000), 100))
          .expect(ack(0).sack(1000, 1500));
    }
    guest.failing(allocator, data(0, 1000)).expect(ack(0).sack(1000, 1500)).expectEvents();
    assertThat(account.failures).isEqualTo(21);
    guest.sends(data(0, 1000)).expect(ack(1500).sack()).expectEvents("data 1000", "data 500");
  }
}
