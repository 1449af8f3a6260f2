/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.wire.Ipv4Packet;

class ReassemblerTest {
  private static final long GUEST = 0x0200_0000_0001L;

  private final StackCounters counters = new StackCounters();
  private final Reassembler reassembler = new Reassembler(counters);
  private final Ipv4Packet packet = new Ipv4Packet();

  @AfterEach
  void nothingIsHeldAfterClose() {
    reassembler.close();
    assertThat(reassembler.usedBytes()).isZero();
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

  private static byte[] random(Random random, int length) {
    var bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  @Property(tries = 200)
  void anyCutInAnyOrderGivesTheWhole(@ForAll long seed) {
    var random = new Random(seed);
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
  }

  @Test
  void anOverlapGivesUpTheWholePacket() {
    byte[] payload = random(new Random(1), 64);
    assertThat(add(fragment(1, payload, 0, 32), 0)).isNull();
    assertThat(add(fragment(1, payload, 24, 48), 0)).isNull();
    assertThat(counters.dropCount(Drop.FRAGMENT_OVERLAP)).isEqualTo(1);
    assertThat(reassembler.usedBytes()).isZero();
  }

  @Test
  void aSecondLastFragmentGivesUpTheWholePacket() {
    assertThat(add(fragment(1, new byte[64], 32, 64), 0)).isNull();
    assertThat(add(fragment(1, new byte[80], 64, 80), 0)).isNull();
    assertThat(counters.dropCount(Drop.FRAGMENT_OVERLAP)).isEqualTo(1);
  }

  @Test
  void whatIsNotWholeInTimeIsForgotten() {
    byte[] payload = random(new Random(1), 64);
    add(fragment(1, payload, 0, 32), 0);
    assertThat(add(fragment(1, payload, 32, 64), Reassembler.TIMEOUT_NANOS)).isNull();
    assertThat(counters.dropCount(Drop.FRAGMENT_EXPIRED)).isEqualTo(1);
  }

  @Test
  void memoryIsBoundedAndTheNewestSurvive() {
    var payload = new byte[60_000];
    for (int id = 0; id < 1000; id++) {
      add(fragment(id, payload, 1024, 2048), id);
      add(fragment(id, payload, 50_000, 50_008), id);
      assertThat(reassembler.usedBytes()).isLessThanOrEqualTo(Reassembler.CAPACITY);
    }
    assertThat(counters.dropCount(Drop.FRAGMENT_EXPIRED)).isGreaterThan(900);
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

  @Test
  void guestsDoNotMix() {
    byte[] payload = random(new Random(1), 64);
    add(fragment(1, payload, 0, 32), 0);
    var other = fragment(1, payload, 32, 64);
    packet.wrap(other, 0, other.readableBytes());
    assertThat(reassembler.add(GUEST + 1, packet, other, 0)).isNull();
  }
}
