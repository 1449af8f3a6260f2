/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledHeapByteBuf;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;
import org.torvtl.wire.Ipv4Packet;

class ReassemblerTest {
  private static final long GUEST = 0x0200_0000_0001L;

  /** What a guest's incomplete packets hold. */
  private static final class Held implements Reassembler.Account {
    private int bytes;

    @Override
    public void chargeFragments(int more) {
      bytes += more;
    }

    @Override
    public int fragmentBytes() {
      return bytes;
    }
  }

  /** What was given up. */
  private static final class Given implements Reassembler.Counters {
    private int overlaps;
    private int expired;

    @Override
    public void fragmentsOverlap() {
      overlaps++;
    }

    @Override
    public void fragmentsExpired() {
      expired++;
    }
  }

  private final Given counters = new Given();
  private final Map<Long, Held> guests = new HashMap<>();
  private final FailingAllocator allocator = new FailingAllocator();
  private final Reassembler reassembler =
      new Reassembler(
          counters, guest -> guests.computeIfAbsent(guest, anew -> new Held()), allocator);
  private final Ipv4Packet packet = new Ipv4Packet();

  @AfterEach
  void nothingIsHeldAfterClose() {
    reassembler.close();
    assertThat(reassembler.usedBytes()).isZero();
    assertThat(guests.values()).allMatch(held -> held.bytes == 0);
  }

  /** Has no memory while it is told so. */
  private static final class FailingAllocator extends AbstractByteBufAllocator {
    private boolean fails;

    @Override
    protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
      if (fails) {
        throw new OutOfMemoryError("made by the test");
      }
      return new UnpooledHeapByteBuf(this, initialCapacity, maxCapacity) {
        @Override
        public ByteBuf capacity(int newCapacity) {
          if (fails) {
            throw new OutOfMemoryError("made by the test");
          }
          return super.capacity(newCapacity);
        }
      };
    }

    @Override
    protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean isDirectBufferPooled() {
      return false;
    }
  }

  private static ByteBuf fragment(int id, byte[] payload, int from, int to) {
    int length = Ipv4Packet.HEADER_LENGTH + to - from;
    var buf = Unpooled.buffer(length).writeZero(Ipv4Packet.HEADER_LENGTH);
    buf.writeBytes(payload, from, to - from);
    new Ipv4Packet()
        .wrap(buf, 0, length)
        .compose(0x0A000002, 0x0A000001, Ipv4Packet.PROTOCOL_UDP, id, false, to - from)
        .composeFragment(from, to < payload.length, to - from);
    return buf;
  }

  private @Nullable ByteBuf add(ByteBuf frame, long nowNanos) {
    packet.wrap(frame, 0, frame.readableBytes());
    assertThat(packet.defect()).isNull();
    return reassembler.add(GUEST, packet, frame, nowNanos);
  }

  private static byte[] random(RandomGenerator random, int length) {
    var bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  @Test
  void anyCutInAnyOrderGivesTheWhole() {
    Draws.repeat(
        200,
        draw -> {
          var random = draw.random();
          byte[] payload = random(random, 9 + random.nextInt(random.nextBoolean() ? 60_000 : 200));
          var fragments = new ArrayList<ByteBuf>();
          for (int from = 0; from < payload.length; ) {
            int to = Math.min(payload.length, from + 8 * (1 + random.nextInt(400)));
            fragments.add(fragment(7, payload, from, to));
            from = to;
          }
          Collections.shuffle(fragments, random);
          ByteBuf whole = null;
          for (var fragment : fragments) {
            if (fragments.size() > 1) {
              assertThat(whole).isNull();
              whole = add(fragment, 0);
            }
          }
          if (whole != null) {
            packet.wrap(whole, whole.readerIndex(), whole.readableBytes());
            assertThat(packet.defect()).isNull();
            assertThat(packet.isFragment()).isFalse();
            assertThat(ByteBufUtil.getBytes(whole, packet.payloadOffset(), packet.payloadLength()))
                .isEqualTo(payload);
            whole.release();
          } else {
            assertThat(fragments).hasSize(1);
          }
          assertThat(reassembler.usedBytes()).isZero();
        });
  }

  @Test
  void anOverlapGivesUpTheWholePacket() {
    byte[] payload = random(new Random(1), 64);
    assertThat(add(fragment(1, payload, 0, 32), 0)).isNull();
    assertThat(add(fragment(1, payload, 24, 48), 0)).isNull();
    assertThat(counters.overlaps).isEqualTo(1);
    assertThat(reassembler.usedBytes()).isZero();
  }

  @Test
  void aSecondLastFragmentGivesUpTheWholePacket() {
    assertThat(add(fragment(1, new byte[64], 32, 64), 0)).isNull();
    assertThat(add(fragment(1, new byte[80], 64, 80), 0)).isNull();
    assertThat(counters.overlaps).isEqualTo(1);
  }

  @Test
  void whatIsNotWholeInTimeIsForgotten() {
    byte[] payload = random(new Random(1), 64);
    add(fragment(1, payload, 0, 32), 0);
    assertThat(add(fragment(1, payload, 32, 64), Reassembler.TIMEOUT_NANOS)).isNull();
    assertThat(counters.expired).isEqualTo(1);
  }

  @Test
  void memoryIsBoundedAndTheNewestSurvive() {
    var payload = new byte[60_000];
    for (int id = 0; id < 1000; id++) {
      add(fragment(id, payload, 1024, 2048), id);
      add(fragment(id, payload, 50_000, 50_008), id);
      assertThat(reassembler.usedBytes()).isLessThanOrEqualTo(Reassembler.CAPACITY);
    }
    assertThat(counters.expired).isGreaterThan(900);
    List<ByteBuf> rest =
        List.of(
            fragment(999, payload, 0, 1024),
            fragment(999, payload, 2048, 50_000),
            fragment(999, payload, 50_008, 60_000));
    assertThat(add(rest.get(0), 1000)).isNull();
    assertThat(add(rest.get(1), 1000)).isNull();
    var whole = add(rest.get(2), 1000);
    assertThat(whole).isNotNull();
    whole.release();
  }

  /** What was never copied does not count as here: it would be some other guest's bytes. */
  @Test
  void aFragmentThatThereIsNoMemoryForIsNotThere() {
    byte[] payload = random(new Random(1), 60_000);
    assertThat(add(fragment(1, payload, 0, 1024), 0)).isNull();
    allocator.fails = true;
    var rest = fragment(1, payload, 1024, 60_000);
    assertThatThrownBy(() -> add(rest, 0)).isInstanceOf(OutOfMemoryError.class);
    var other = fragment(2, payload, 1024, 2048);
    assertThatThrownBy(() -> add(other, 0)).isInstanceOf(OutOfMemoryError.class);
    allocator.fails = false;
    assertThat(add(fragment(1, payload, 1024, 2048), 0)).isNull();
    var whole = add(fragment(1, payload, 2048, 60_000), 0);
    assertThat(whole).isNotNull();
    packet.wrap(whole, whole.readerIndex(), whole.readableBytes());
    assertThat(ByteBufUtil.getBytes(whole, packet.payloadOffset(), packet.payloadLength()))
        .isEqualTo(payload);
    whole.release();
  }

  @Test
  void oneGuestsFragmentsDoNotPushOutAnothers() {
    byte[] payload = random(new Random(1), 64);
    var first = fragment(1, payload, 0, 32);
    packet.wrap(first, 0, first.readableBytes());
    assertThat(reassembler.add(GUEST + 1, packet, first, 0)).isNull();
    for (int id = 0; id < 2000; id++) {
      add(fragment(id, new byte[2048], 0, 1024), 1);
    }
    assertThat(counters.expired).isPositive();
    var second = fragment(1, payload, 32, 64);
    packet.wrap(second, 0, second.readableBytes());
    var whole = reassembler.add(GUEST + 1, packet, second, 2);
    assertThat(whole).isNotNull();
    whole.release();
  }

  @Test
  void guestsDoNotMix() {
    byte[] payload = random(new Random(1), 64);
    add(fragment(1, payload, 0, 32), 0);
    var other = fragment(1, payload, 32, 64);
    packet.wrap(other, 0, other.readableBytes());
    assertThat(reassembler.add(GUEST + 1, packet, other, 0)).isNull();
  }
}
