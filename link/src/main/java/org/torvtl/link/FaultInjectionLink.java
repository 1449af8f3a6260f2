/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGenerator.SplittableGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A link that makes a bad cable of another one: it loses, repeats, delays, reorders and damages
 * frames, each direction as its {@link LinkFaults} say, and the same ones again for the same frames
 * and the same seed.
 *
 * <p>What a device hands over or takes in one piece is one frame here, however many packets it
 * stands for. A damaged frame goes without the word that its TCP checksum is fine, or will be made:
 * else nobody could notice.
 */
public final class FaultInjectionLink extends ForwardingLink {
  private final Direction inbound;
  private final Direction outbound;
  private @Nullable IoEventLoop loop;
  private boolean closed;

  /**
   * @param link is closed with this
   * @param fromLink what befalls the frames that the receiver gets
   * @param toLink what befalls those that are sent
   * @param random is split: what befalls one direction does not depend on the other
   */
  public FaultInjectionLink(
      Link link, LinkFaults fromLink, LinkFaults toLink, SplittableGenerator random) {
    super(link);
    this.inbound = new Direction(fromLink, random.split());
    this.outbound = new Direction(toLink, random.split());
  }

  /** What befell the frames that the receiver gets. */
  public FaultCounters fromLink() {
    return inbound.counters;
  }

  /** What befell the frames that were sent. */
  public FaultCounters toLink() {
    return outbound.counters;
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    this.loop = loop;
    inbound.endOfBatch = receiver::endOfBatch;
    link.start(loop, faulty(receiver));
  }

  private Receiver faulty(Receiver receiver) {
    return new ForwardingReceiver(receiver) {
      @Override
      public void frame(ByteBuf frame) {
        inbound.put(frame, Unpooled.EMPTY_BUFFER, receiver::frame, receiver::frame);
      }

      @Override
      public void trustedFrame(ByteBuf frame) {
        inbound.put(frame, Unpooled.EMPTY_BUFFER, receiver::trustedFrame, receiver::frame);
      }
    };
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    outbound.put(headers, payload, this::sendWhole, this::sendWhole);
  }

  private void sendWhole(ByteBuf frame) {
    link.send(frame, Unpooled.EMPTY_BUFFER);
  }

  @Override
  public void sendTcp(ByteBuf headers, ByteBuf payload, int tcpOffset, int segmentSize) {
    int headerLength = headers.readableBytes();
    outbound.put(
        headers,
        payload,
        frame ->
            link.sendTcp(
                frame.slice(0, headerLength),
                frame.slice(headerLength, frame.readableBytes() - headerLength),
                tcpOffset,
                segmentSize),
        this::sendWhole);
  }

  @Override
  public void close() {
    closed = true;
    inbound.close();
    outbound.close();
    link.close();
  }

  /** A frame under way. */
  private record UnderWay(ByteBuf bytes, long dueNanos, long number, Consumer<ByteBuf> end) {
    /** Times of a clock that may wrap are compared by difference. */
    static final Comparator<UnderWay> EARLIEST =
        (left, right) -> {
          int due = Long.signum(left.dueNanos - right.dueNanos);
          return due != 0 ? due : Long.signum(left.number - right.number);
        };
  }

  /** One of the two ways. */
  private final class Direction {
    final FaultCounters counters = new FaultCounters();
    Runnable endOfBatch = () -> {};

    private final LinkFaults faults;
    private final RandomGenerator random;
    private final PriorityQueue<UnderWay> underWay = new PriorityQueue<>(UnderWay.EARLIEST);
    private int bytesUnderWay;
    private long number;
    private long lastDueNanos;
    private @Nullable ScheduledFuture<?> alarm;
    private long alarmNanos;

    Direction(LinkFaults faults, RandomGenerator random) {
      this.faults = faults;
      this.random = random;
    }

    /** Takes a frame; {@code damagedEnd} takes it if it is damaged, {@code end} otherwise. */
    void put(
        ByteBuf headers, ByteBuf payload, Consumer<ByteBuf> end, Consumer<ByteBuf> damagedEnd) {
      counters.frames++;
      if (happens(faults.loss())) {
        counters.lost++;
        return;
      }
      boolean twice = happens(faults.duplication());
      put(copy(headers, payload), end, damagedEnd);
      if (twice) {
        counters.duplicated++;
        put(copy(headers, payload), end, damagedEnd);
      }
    }

    private boolean happens(double chance) {
      return random.nextDouble() < chance;
    }

    private static ByteBuf copy(ByteBuf headers, ByteBuf payload) {
      int length = headers.readableBytes() + payload.readableBytes();
      return ByteBufAllocator.DEFAULT
          .directBuffer(Math.max(length, 1))
          .writeBytes(headers, headers.readerIndex(), headers.readableBytes())
          .writeBytes(payload, payload.readerIndex(), payload.readableBytes());
    }

    private void put(ByteBuf frame, Consumer<ByteBuf> end, Consumer<ByteBuf> damagedEnd) {
      var whereTo = end;
      if (happens(faults.corruption()) && frame.isReadable()) {
        counters.corrupted++;
        int at = random.nextInt(frame.readableBytes());
        frame.setByte(at, frame.getByte(at) ^ 1 << random.nextInt(Byte.SIZE));
        whereTo = damagedEnd;
      }
      var loop = FaultInjectionLink.this.loop;
      if (faults.maxDelayNanos() == 0) {
        deliver(frame, whereTo);
      } else if (loop == null || closed || frame.capacity() > faults.queueBytes() - bytesUnderWay) {
        counters.queueDrops++;
        frame.release();
      } else {
        bytesUnderWay += frame.capacity();
        long due = dueNanos(loop.ticker().nanoTime());
        underWay.add(new UnderWay(frame, due, number++, whereTo));
        setAlarm(loop);
      }
    }

    private long dueNanos(long nowNanos) {
      long spread = faults.maxDelayNanos() - faults.minDelayNanos();
      long due = nowNanos + faults.minDelayNanos() + random.nextLong(spread + 1);
      lastDueNanos = underWay.isEmpty() || due - lastDueNanos > 0 ? due : lastDueNanos;
      if (happens(faults.reordering())) {
        counters.reordered++;
        return lastDueNanos + 1 + random.nextLong(faults.maxDelayNanos());
      }
      return lastDueNanos;
    }

    private void setAlarm(IoEventLoop loop) {
      var first = underWay.peek();
      if (first == null || (alarm != null && first.dueNanos - alarmNanos >= 0)) {
        return;
      }
      if (alarm != null) {
        alarm.cancel(false);
      }
      alarmNanos = first.dueNanos;
      long delay = Math.max(alarmNanos - loop.ticker().nanoTime(), 0);
      alarm = loop.schedule(() -> deliverDue(loop), delay, TimeUnit.NANOSECONDS);
    }

    private void deliverDue(IoEventLoop loop) {
      alarm = null;
      long now = loop.ticker().nanoTime();
      try {
        for (var first = underWay.peek();
            first != null && first.dueNanos - now <= 0;
            first = underWay.peek()) {
          underWay.remove();
          bytesUnderWay -= first.bytes.capacity();
          deliver(first.bytes, first.end);
        }
        endOfBatch.run();
      } finally {
        setAlarm(loop);
      }
    }

    private void deliver(ByteBuf frame, Consumer<ByteBuf> end) {
      counters.delivered++;
      try {
        end.accept(frame);
      } finally {
        frame.release();
      }
    }

    void close() {
      if (alarm != null) {
        alarm.cancel(false);
        alarm = null;
      }
      counters.closedUnderWay += underWay.size();
      underWay.forEach(frame -> frame.bytes.release());
      underWay.clear();
      bytesUnderWay = 0;
    }
  }
}
