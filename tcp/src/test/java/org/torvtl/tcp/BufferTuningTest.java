/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.data;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The receive window starts small and grows where that makes the guest faster. */
class BufferTuningTest {
  private static final int START = 64 << 10;

  private final Script guest = script().wscale(7);
  private int scale = 5;
  private int sent;

  @AfterEach
  void end() {
    guest.skip().end();
  }

  /** The guest sends so much, in pieces so long apart; the last window we announce, in bytes. */
  private int windowAfter(int bytes, long pause) {
    int window = -1;
    for (int end = sent + bytes; sent < end; ) {
      int length = Math.min(8192, end - sent);
      guest.sends(data(sent, length)).after(pause);
      sent += length;
      window = lastWindow(window);
    }
    return window;
  }

  private int lastWindow(int otherwise) {
    int window = otherwise;
    for (var segment : guest.drain()) {
      window = segment.window == null ? -1 : segment.window << scale;
    }
    return window;
  }

  @Test
  void startsSmall() {
    guest.held().weAccept().expect(Seg.synAck().win(65_535).wscale(scale)).sends(Seg.ack(0));
    assertThat(windowAfter(8192, 0)).isBetween(START - 8192, START);
  }

  @Test
  void doublesWhenTheGuestHasUsedItUp() {
    guest.established();
    assertThat(windowAfter(START - 8192, 0)).isLessThanOrEqualTo(START);
    assertThat(windowAfter(8192, 0)).isEqualTo(2 * START);
    assertThat(windowAfter(2 * START - 8192, 0)).isEqualTo(2 * START);
    assertThat(windowAfter(8192, 0)).isEqualTo(4 * START);
  }

  @Test
  void growsToTheCapacityAndNoFurther() {
    guest.established();
    assertThat(windowAfter(4 << 20, 0)).isEqualTo(1 << 20);
    assertThat(windowAfter(4 << 20, 0)).isEqualTo(1 << 20);
  }

  @Test
  void aSlowGuestNeedsNoMore() {
    guest.established();
    assertThat(windowAfter(1 << 20, millis(10))).isEqualTo(START);
  }

  @Test
  void aDistantGuestNeedsMoreThoughItTakesLonger() {
    guest.establishedAfter(millis(100));
    assertThat(windowAfter(START, millis(10))).isEqualTo(2 * START);
  }

  @Test
  void aSlowOwnerGetsNoMore() {
    guest.readsLater().established();
    for (int i = 0; i < 10; i++) {
      windowAfter(START - (i == 0 ? 1 : 0), 0);
      guest.after(millis(100)).weConsume(guest.connection().unconsumedBytes());
      assertThat(lastWindow(0)).isLessThanOrEqualTo(START);
    }
  }

  @Test
  void anOwnerThatHasMostOfItUnreadGetsNoMore() {
    guest.readsLater().established();
    windowAfter(START, 0);
    guest.weConsume(START / 4);
    assertThat(lastWindow(0)).isLessThanOrEqualTo(START / 4);
    guest.weConsume(START / 4);
    assertThat(lastWindow(0)).isEqualTo(START + START / 2);
  }

  @Test
  void anOwnerThatKeepsUpGetsMore() {
    guest.readsLater().established();
    windowAfter(START - 1, 0);
    guest.after(millis(5)).weConsume(START - 1);
    assertThat(lastWindow(0)).isEqualTo(START);
    windowAfter(START, 0);
    guest.after(millis(5)).weConsume(START);
    assertThat(lastWindow(0)).isEqualTo(2 * START);
  }

  @Test
  void withoutScalingTheFieldIsTheLimit() {
    var plain = script().established();
    int window = 0;
    for (int at = 0; at < 1 << 20; at += 8192) {
      plain.sends(data(at, 8192));
      for (var segment : plain.drain()) {
        window = segment.window == null ? -1 : segment.window;
      }
    }
    assertThat(window).isEqualTo(65_535);
    plain.end();
  }

  @Test
  void aSmallCapacityIsTheStartToo() {
    guest.config(guest.config().withCapacity(10_000, 10_000)).established();
    assertThat(guest.config().initialReceiveBytes()).isEqualTo(10_000);
    scale = 0;
    assertThat(windowAfter(1 << 20, 0)).isLessThanOrEqualTo(10_000);
  }

  @Test
  void theStartIsWithinTheCapacity() {
    assertThatThrownBy(() -> guest.config().withInitialReceiveBytes(2 << 20))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> guest.config().withInitialReceiveBytes(0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theRightEdgeNeverMovesBack() {
    guest.readsLater().established();
    long edge = 65_535;
    for (int i = 0; i < 3000; i++) {
      int room = (int) (edge - sent);
      int length = Math.min(1 + i * 37 % 5000, room);
      if (length > 0) {
        guest.sends(data(sent, length));
        sent += length;
      }
      guest.after(millis(i % 50 == 0 ? 40 : 0));
      int unread = guest.connection().unconsumedBytes();
      if (i % 3 == 0 && unread > 0) {
        guest.weConsume(1 + i % unread);
      }
      for (var segment : guest.drain()) {
        long announced =
            Integer.toUnsignedLong(segment.acknowledgment == null ? 0 : segment.acknowledgment)
                + ((segment.window == null ? 0L : segment.window) << scale);
        assertThat(announced).isGreaterThanOrEqualTo(edge - 31);
        edge = Math.max(edge, announced);
      }
    }
    assertThat(edge).isGreaterThan(1 << 20);
  }
}
