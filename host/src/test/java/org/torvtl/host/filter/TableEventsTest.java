/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class TableEventsTest {
  private static final int NFTABLES = 10 << 8;
  private static final int DELTABLE = 2, NEWCHAIN = 3, DELCHAIN = 5, NEWRULE = 6, NEWGEN = 15;
  private static final String TABLE = "torvtl_guard_br0";

  private final TableEvents events = new TableEvents(TABLE);

  private static String marker(int number) {
    return "mark_" + number;
  }

  private static byte[] attribute(int type, String text) {
    byte[] value = (text + "\0").getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(4 + value.length + 3 & ~3)
        .order(ByteOrder.nativeOrder())
        .putShort((short) (4 + value.length))
        .putShort((short) type)
        .put(value)
        .array();
  }

  private void message(int type, String table, String name) {
    byte[] first = attribute(1, table);
    byte[] third = attribute(3, name);
    var message =
        ByteBuffer.allocate(20 + first.length + third.length).order(ByteOrder.nativeOrder());
    message
        .putInt(message.capacity())
        .putShort((short) (NFTABLES | type))
        .position(20)
        .put(first)
        .put(third)
        .flip();
    events.messages(message);
  }

  private void own(int number) {
    events.expect(marker(number));
    message(DELCHAIN, TABLE, "ingress_3_0");
    message(NEWCHAIN, TABLE, marker(number));
    message(NEWRULE, TABLE, marker(number));
    message(NEWGEN, "", "");
  }

  @Test
  void nothingIsKnownBeforeTheFirstTransaction() {
    assertThat(events.isTouched()).isTrue();
    events.expect(marker(1));
    message(NEWGEN, "", "");
    assertThat(events.isTouched()).isTrue();
  }

  @Test
  void aTransactionOfTheOwnersLeavesTheTableRight() {
    own(1);
    assertThat(events.isTouched()).isFalse();
    message(DELTABLE, "another", "");
    message(NEWGEN, "", "");
    assertThat(events.isTouched()).isFalse();
  }

  @Test
  void whatAnotherProgramDoesToTheTableIsSeen() {
    own(1);
    message(DELTABLE, TABLE, "");
    assertThat(events.isTouched()).isTrue();
    message(NEWGEN, "", "");
    assertThat(events.isTouched()).isTrue();
    own(2);
    assertThat(events.isTouched()).isFalse();
    message(NEWRULE, TABLE, "ingress_3_2");
    assertThat(events.isTouched()).isTrue();
  }

  /** Behind ours in the queue, but before we have read of it. */
  @Test
  void aChangeRightAfterOursIsSeen() {
    own(1);
    events.expect(marker(2));
    message(NEWCHAIN, TABLE, marker(2));
    message(NEWGEN, "", "");
    message(DELCHAIN, TABLE, "ingress_3_2");
    message(NEWGEN, "", "");
    assertThat(events.isTouched()).isTrue();
  }

  @Test
  void theLastVersionsMarkerIsNotThisOnes() {
    own(1);
    events.expect(marker(2));
    message(NEWCHAIN, TABLE, marker(1));
    message(NEWGEN, "", "");
    assertThat(events.isTouched()).isTrue();
  }

  /** In one transaction, as a ruleset is loaded that was saved. */
  @Test
  void theOwnersVersionLoadedAgainByAnotherIsSeen() {
    own(1);
    message(DELTABLE, TABLE, "");
    message(NEWCHAIN, TABLE, marker(1));
    message(NEWRULE, TABLE, marker(1));
    message(NEWGEN, "", "");
    assertThat(events.isTouched()).isTrue();
  }

  @Test
  void lostMessagesMayHaveBeenAboutTheTable() {
    own(1);
    events.lost();
    assertThat(events.isTouched()).isTrue();
  }

  @Test
  void brokenMessagesAreLeftAlone() {
    own(1);
    for (int length : new int[] {0, 3, 15, 16, 19, 20, 4000}) {
      var message = ByteBuffer.allocate(24).order(ByteOrder.nativeOrder());
      message.putInt(0, length).putShort(4, (short) (NFTABLES | DELTABLE)).putShort(20, (short) 2);
      events.messages(message);
    }
    assertThat(events.isTouched()).isFalse();
  }
}
