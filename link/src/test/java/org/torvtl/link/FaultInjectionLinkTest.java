/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.channel.ManualIoEventLoop;
import io.netty.channel.local.LocalIoHandler;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a bad cable does to frames, in virtual time. */
class FaultInjectionLinkTest {
  private static final int FRAMES = 5_000;
  private static final int LENGTH = 100;
  private static final long SEED = 4;

  private final MockTicker clock = Ticker.newMockTicker();
  private final ManualIoEventLoop loop =
      new ManualIoEventLoop(null, Thread.currentThread(), LocalIoHandler.newFactory(), clock);
  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.IP, 1500);
  private final Arrivals gateway = new Arrivals();
  private final Arrivals guest = new Arrivals();

  /** What came out at an end. */
  private static final class Arrivals implements Link.Receiver {
    final List<Integer> numbers = new ArrayList<>();
    int damaged;
    int batches;

    @Override
    public void frame(ByteBuf frame) {
      var bytes = ByteBuffer.allocate(LENGTH);
      assertThat(frame.readableBytes()).isEqualTo(LENGTH);
      frame.getBytes(frame.readerIndex(), bytes);
      int number = bytes.flip().getInt();
      int turned = Integer.bitCount(number ^ bytes.getInt());
      while (bytes.hasRemaining()) {
        turned += Integer.bitCount(bytes.get() & 0xFF);
      }
      numbers.add(number);
      assertThat(turned).isLessThanOrEqualTo(1);
      damaged += turned;
    }

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {
      batches++;
    }

    @Override
    public void allocationFailed() {
      // It holds nothing that it could free.
    }

    @Override
    public void failed(IOException cause) {
      throw new IllegalStateException(cause);
    }
  }

  private FaultInjectionLink start(LinkFaults fromLink, LinkFaults toLink) {
    var link = new FaultInjectionLink(cable[0], fromLink, toLink, new SplittableRandom(SEED));
    link.start(loop, gateway);
    cable[1].start(guest);
    return link;
  }

  @AfterEach
  void unplug() {
    for (var end : cable) {
      end.close();
    }
  }

  /** A frame that bears its number twice, and then zeros. */
  private static ByteBuf frame(int number) {
    return Unpooled.buffer(LENGTH)
        .writeInt(number)
        .writeInt(number)
        .writeZero(LENGTH - 2 * Integer.BYTES);
  }

  private void guestSends(int number) {
    cable[1].send(frame(number), Unpooled.EMPTY_BUFFER);
    cable[0].deliver();
  }

  private void pass(long nanos) {
    clock.advance(nanos, TimeUnit.NANOSECONDS);
    loop.runNow();
  }

  private static List<Integer> numbers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  @Test
  void withoutFaultsAllPassesAtOnceBothWays() {
    var link = start(LinkFaults.NONE, LinkFaults.NONE);
    for (int i = 0; i < 10; i++) {
      guestSends(i);
      // The indices of what is sent stay as they are.
      var whole = frame(i);
      var headers = whole.slice(0, 20);
      var payload = whole.slice(20, LENGTH - 20);
      link.send(headers, payload);
      assertThat(headers.readableBytes()).isEqualTo(20);
      assertThat(payload.readableBytes()).isEqualTo(LENGTH - 20);
    }
    cable[1].deliver();
    assertThat(gateway.numbers).isEqualTo(numbers(10));
    assertThat(gateway.batches).isEqualTo(10);
    assertThat(guest.numbers).isEqualTo(numbers(10));
    assertThat(gateway.damaged + guest.damaged).isZero();
    link.close();
  }

  @Test
  void framesAreLostRepeatedAndDamagedAsOftenAsWasAskedForAndOneWayOnly() {
    var faults = LinkFaults.NONE.withLoss(0.1).withDuplication(0.05).withCorruption(0.02);
    var link = start(faults, LinkFaults.NONE);
    for (int i = 0; i < FRAMES; i++) {
      guestSends(i);
      link.send(frame(i), Unpooled.EMPTY_BUFFER);
      cable[1].deliver();
    }
    var counters = link.fromLink();
    // Within five standard deviations.
    assertThat(counters.lost).isCloseTo(FRAMES / 10, within(106L));
    assertThat(counters.duplicated).isCloseTo(FRAMES * 9 / 200, within(75L));
    assertThat(counters.corrupted).isCloseTo(FRAMES * 189L / 10_000, within(49L));
    assertThat(gateway.numbers).hasSize((int) (FRAMES - counters.lost + counters.duplicated));
    assertThat(counters.delivered).isEqualTo(gateway.numbers.size());
    assertThat((long) gateway.damaged).isEqualTo(counters.corrupted);
    assertThat(guest.numbers).isEqualTo(numbers(FRAMES));
    assertThat(guest.damaged).isZero();
    link.close();
  }

  @Test
  void delayedFramesKeepTheirOrderAndComeWithinTheBounds() {
    var link = start(LinkFaults.NONE, LinkFaults.NONE.withDelayNanos(5_000, 30_000));
    for (int i = 0; i < 100; i++) {
      link.send(frame(i), Unpooled.EMPTY_BUFFER);
    }
    pass(4_999);
    cable[1].deliver();
    assertThat(guest.numbers).isEmpty();
    pass(30_000 - 4_999);
    cable[1].deliver();
    assertThat(guest.numbers).isEqualTo(numbers(100));
    link.close();
  }

  @Test
  void framesThatStayBehindArePassedByOthersAndNoneIsLost() {
    var delay = LinkFaults.NONE.withDelayNanos(5_000, 30_000);
    var link = start(delay.withReordering(0.1), LinkFaults.NONE);
    for (int i = 0; i < FRAMES; i++) {
      guestSends(i);
      pass(1_000);
    }
    pass(60_000);
    assertThat(gateway.numbers).containsExactlyInAnyOrderElementsOf(numbers(FRAMES));
    assertThat(link.fromLink().reordered).isCloseTo(FRAMES / 10, within(106L));
    int passed = 0;
    int latest = -1;
    for (int number : gateway.numbers) {
      passed += number < latest ? 1 : 0;
      latest = Math.max(latest, number);
    }
    // Nearly each of them: frames follow one another far more closely than those stay behind.
    assertThat(passed).isBetween((int) (link.fromLink().reordered * 3 / 4), FRAMES / 5);
    link.close();
  }

  @Test
  void whatComesAtOnceIsOneBatch() {
    var link = start(LinkFaults.NONE.withDelayNanos(7_000, 7_000), LinkFaults.NONE);
    for (int i = 0; i < 5; i++) {
      guestSends(i);
    }
    int batches = gateway.batches;
    pass(7_000);
    assertThat(gateway.numbers).isEqualTo(numbers(5));
    assertThat(gateway.batches).isEqualTo(batches + 1);
    link.close();
  }

  @Test
  void aFullQueueDropsWhatComesLast() {
    var delay = LinkFaults.NONE.withDelayNanos(1_000, 1_000).withQueueBytes(10 * LENGTH);
    var link = start(LinkFaults.NONE, delay);
    for (int i = 0; i < 15; i++) {
      link.send(frame(i), Unpooled.EMPTY_BUFFER);
    }
    assertThat(link.toLink().queueDrops).isEqualTo(5);
    pass(1_000);
    link.send(frame(10), Unpooled.EMPTY_BUFFER);
    pass(1_000);
    cable[1].deliver();
    assertThat(guest.numbers).isEqualTo(numbers(11));
    link.close();
  }

  @Test
  void closingDropsWhatIsUnderWay() {
    var link = start(LinkFaults.NONE.withDelayNanos(1_000, 1_000), LinkFaults.NONE);
    guestSends(0);
    guestSends(1);
    link.close();
    pass(2_000);
    assertThat(gateway.numbers).isEmpty();
    assertThat(link.fromLink().closedUnderWay).isEqualTo(2);
  }

  @Test
  void theSameSeedDoesTheSame() {
    var faults =
        LinkFaults.NONE
            .withDelayNanos(0, 9_000)
            .withReordering(0.2)
            .withLoss(0.1)
            .withDuplication(0.1);
    var first = start(faults, LinkFaults.NONE);
    for (int i = 0; i < 1_000; i++) {
      guestSends(i);
      pass(500);
    }
    var second = new FaultInjectionLinkTest();
    var again = second.start(faults, faults);
    for (int i = 0; i < 1_000; i++) {
      second.guestSends(i);
      // What goes the other way changes nothing.
      again.send(frame(i), Unpooled.EMPTY_BUFFER);
      second.pass(500);
    }
    assertThat(second.gateway.numbers).isEqualTo(gateway.numbers).hasSizeGreaterThan(900);
    first.close();
    again.close();
    second.unplug();
  }

  /** A device that takes segments whose checksum is yet to be made, and hands over such. */
  private static final class Offloading implements Link {
    final List<String> sent = new ArrayList<>();
    final LinkCounters counters = new LinkCounters();
    Link.@Nullable Receiver receiver;

    @Override
    public String name() {
      return "offloading";
    }

    @Override
    public Medium medium() {
      return Medium.IP;
    }

    @Override
    public int mtu() {
      return 1500;
    }

    @Override
    public void start(IoEventLoop loop, Receiver receiver) {
      this.receiver = receiver;
    }

    @Override
    public void send(ByteBuf headers, ByteBuf payload) {
      sent.add("whole %d+%d".formatted(headers.readableBytes(), payload.readableBytes()));
    }

    @Override
    public boolean isolatesGuests() {
      return true;
    }

    @Override
    public boolean hasTcpOffload() {
      return true;
    }

    @Override
    public void sendTcp(ByteBuf headers, ByteBuf payload, int tcpOffset, int segmentSize) {
      sent.add(
          "tcp %d+%d at %d by %d"
              .formatted(headers.readableBytes(), payload.readableBytes(), tcpOffset, segmentSize));
    }

    @Override
    public LinkCounters counters() {
      return counters;
    }

    @Override
    public void close() {}
  }

  private static final class Trust extends ArrayList<String> implements Link.Receiver {
    private static final long serialVersionUID = 1;

    @Override
    public void frame(ByteBuf frame) {
      add("to be checked");
    }

    @Override
    public void trustedFrame(ByteBuf frame) {
      add("trusted");
    }

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {}

    @Override
    public void allocationFailed() {
      // It holds nothing that it could free.
    }

    @Override
    public void failed(IOException cause) {
      throw new IllegalStateException(cause);
    }
  }

  private static List<String> offloaded(LinkFaults faults, IoEventLoop loop) {
    var device = new Offloading();
    var results = new Trust();
    try (var link = new FaultInjectionLink(device, faults, faults, new SplittableRandom(SEED))) {
      assertThat(link.hasTcpOffload()).isTrue();
      assertThat(link.isolatesGuests()).isTrue();
      link.start(loop, results);
      var receiver = device.receiver;
      assertThat(receiver).isNotNull();
      if (receiver != null) {
        receiver.trustedFrame(frame(1));
      }
      var segment = frame(2);
      link.sendTcp(segment.slice(0, 40), segment.slice(40, 60), 20, 50);
    }
    results.addAll(device.sent);
    return results;
  }

  @Test
  void offloadsAreKeptExceptForWhatIsDamaged() {
    assertThat(offloaded(LinkFaults.NONE, loop))
        .containsExactly("trusted", "tcp 40+60 at 20 by 50");
    assertThat(offloaded(LinkFaults.NONE.withCorruption(1), loop))
        .containsExactly("to be checked", "whole 100+0");
  }

  @Test
  void faultsThatCannotBeAreRefused() {
    assertThatThrownBy(() -> LinkFaults.NONE.withLoss(1.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("loss");
    assertThatThrownBy(() -> LinkFaults.NONE.withReordering(0.1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> LinkFaults.NONE.withDelayNanos(2, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> LinkFaults.NONE.withQueueBytes(0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
