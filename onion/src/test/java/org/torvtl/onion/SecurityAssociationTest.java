/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.HashSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;
import org.torvtl.onion.OnionCounters.Drop;

class SecurityAssociationTest {
  private static final Secret SECRET = Secret.parse("0123456789abcdef".repeat(4));

  private final SecurityAssociation proxy = SecurityAssociation.ofProxy(3, SECRET);
  private final SecurityAssociation router = SecurityAssociation.ofRouter(3, SECRET);

  private static ByteBuf message(SecurityAssociation from, int bodyLength) {
    return from.seal(from.compose(MessageType.PACKET, 3, bodyLength).setZero(16, bodyLength));
  }

  private static @Nullable Drop judge(SecurityAssociation at, ByteBuf message) {
    var view = new OnionMessage().wrap(message, 0, message.readableBytes());
    assertThat(view.defect()).isNull();
    return at.judge(view);
  }

  @Test
  void believesWhatTheOtherEndHasSent() {
    for (int length = 0; length < 300; length++) {
      assertThat(judge(router, message(proxy, length))).isNull();
      assertThat(judge(proxy, message(router, length))).isNull();
    }
  }

  @Test
  void doesNotBelieveItsOwnMessagesSentBack() {
    assertThat(judge(proxy, message(proxy, 20))).isEqualTo(Drop.MESSAGE_FORGED);
  }

  @Test
  void doesNotBelieveAnotherRouter() {
    var other = SecurityAssociation.ofRouter(4, SECRET);
    assertThat(judge(proxy, message(other, 20))).isEqualTo(Drop.MESSAGE_FORGED);
  }

  @Test
  void takesNoMessageTwice() {
    var message = message(proxy, 20);
    assertThat(judge(router, message)).isNull();
    assertThat(judge(router, message)).isEqualTo(Drop.MESSAGE_REPLAYED);
  }

  /** Every bit counts, those of the sequence number and the tag too. */
  @Test
  void noticesOneBit() {
    Draws.repeat(
        1000,
        draw -> {
          int bit = draw.integer(16, 8 * 52 - 1);
          var message = message(proxy, 20);
          message.setByte(bit / 8, message.getByte(bit / 8) ^ 1 << bit % 8);
          assertThat(judge(router, message)).isEqualTo(Drop.MESSAGE_FORGED);
        });
  }

  /** Held against the plain definition: a set of what was seen. */
  @Test
  void theWindowIsASetOfTheLatestNumbers() {
    Draws.repeat(
        200,
        draw -> {
          var random = draw.random();
          var window = new ReplayWindow();
          var seen = new HashSet<Long>();
          long highest = 0;
          for (int i = 0; i < 2000; i++) {
            long sequence =
                Math.max(highest + random.nextInt(-80, random.nextInt(20) == 0 ? 100 : 4), 0);
            boolean expected =
                sequence > 0 && sequence > highest - ReplayWindow.WIDTH && !seen.contains(sequence);
            assertThat(window.accept(sequence))
                .as("%d after %d", sequence, highest)
                .isEqualTo(expected);
            if (expected) {
              seen.add(sequence);
              highest = Math.max(highest, sequence);
            }
          }
        });
  }
}
