/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.Link;

/** Where memory fails, frames are lost; no buffer is given up twice. Needs a TAP, as root. */
class ReadBufferTest {
  private static final int SECONDS = 20;

  /** An allocator that has no memory while it is told so. */
  private static final class FailingAllocator extends AbstractByteBufAllocator {
    private final AtomicBoolean fails = new AtomicBoolean();

    @Override
    protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
      throw new UnsupportedOperationException();
    }

    @Override
    protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
      if (fails.get()) {
        throw new OutOfMemoryError("made by the test");
      }
      return ByteBufAllocator.DEFAULT.directBuffer(initialCapacity, maxCapacity);
    }

    @Override
    public boolean isDirectBufferPooled() {
      return true;
    }
  }

  private final FailingAllocator allocator = new FailingAllocator();

  @Test
  void aBufferThatWasKeptIsGivenUpOnce() {
    var buffer = new ReadBuffer(allocator, 100);
    var kept = buffer.unshared().retain();
    allocator.fails.set(true);
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(buffer::unshared).isInstanceOf(OutOfMemoryError.class);
      assertThat(kept.refCnt()).isEqualTo(1);
    }
    buffer.release();
    assertThat(kept.refCnt()).isEqualTo(1);
    allocator.fails.set(false);
    assertThat(buffer.unshared()).isNotSameAs(kept);
    assertThat(kept.release()).isTrue();
    buffer.release();
  }

  /** Keeps every frame it gets. */
  private static final class Keeper implements Link.Receiver {
    final BlockingQueue<ByteBuf> kept = new LinkedBlockingQueue<>();
    final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @Override
    public void frame(ByteBuf frame) {
      // The kernel sends its own, too.
      if (frame.getUnsignedShort(12) == 0x88B5) {
        kept.add(frame.retain());
      }
    }

    @Override
    public void allocationFailed() {
      events.add("no memory");
    }

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {}

    @Override
    public void failed(IOException cause) {
      events.add(cause.toString());
    }
  }

  @Test
  void withoutMemoryFramesAreDroppedAndTheLinkLives() throws Exception {
    var networkInterface =
        new NetworkInterface(
            "tvm%06x"
                .formatted(ThreadLocalRandom.current().nextInt(1 << 24))
                .toLowerCase(Locale.ROOT));
    var device = TunDevice.open(networkInterface, Link.Medium.ETHERNET, true);
    networkInterface.up();
    var link = new DeviceLink(device, device, allocator);
    var keeper = new Keeper();
    try (var group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory())) {
      var loop = group.next();
      link.start(loop, keeper);
      var host = new DeviceLink(PacketSocket.openForSending(networkInterface, 0));
      send(host);
      var first = next(keeper);
      allocator.fails.set(true);
      for (int i = 0; i < 5; i++) {
        send(host);
        assertThat(keeper.events.poll(SECONDS, TimeUnit.SECONDS)).isEqualTo("no memory");
      }
      assertThat(first.refCnt()).isEqualTo(1);
      allocator.fails.set(false);
      send(host);
      var second = next(keeper);
      assertThat(loop.submit(() -> link.counters().memoryDrops).get()).isGreaterThanOrEqualTo(5);
      loop.submit(link::close).get();
      host.close();
      assertThat(first.refCnt()).isEqualTo(1);
      first.release();
      loop.submit(() -> {}).get();
      assertThat(second.refCnt()).isEqualTo(1);
      second.release();
      assertThat(keeper.events).allMatch("no memory"::equals);
    }
  }

  private static ByteBuf next(Keeper keeper) throws Exception {
    var frame = keeper.kept.poll(SECONDS, TimeUnit.SECONDS);
    assertThat(frame).isNotNull();
    return frame;
  }

  private static void send(Link host) {
    var frame = Unpooled.directBuffer(600).writeZero(600);
    frame.setShort(12, 0x88B5);
    host.send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
  }
}
