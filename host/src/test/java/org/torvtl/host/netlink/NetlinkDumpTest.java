/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.torvtl.host.system.SystemCallException;

class NetlinkDumpTest {
  private static final int LENGTH = 32, SEQUENCE = 7;
  private static final short ERROR = 2, DONE = 3, ENTRY = 16, OTHER = 17;

  private final NetlinkDump<Integer> dump =
      new NetlinkDump<>("cannot list", ENTRY, SEQUENCE, message -> Optional.of(message.getInt(16)));

  /** Pairs of type and value. */
  private static ByteBuffer messages(int... fields) {
    var buffer = ByteBuffer.allocate(LENGTH * fields.length / 2).order(ByteOrder.nativeOrder());
    for (int i = 0; i < fields.length; i += 2) {
      int at = LENGTH * i / 2;
      buffer
          .putInt(at, LENGTH)
          .putShort(at + 4, (short) fields[i])
          .putInt(at + 8, SEQUENCE)
          .putInt(at + 16, fields[i + 1]);
    }
    return buffer;
  }

  @Test
  void itTakesWhatWasAskedForUpToTheEnd() throws SystemCallException {
    assertThat(dump.add(messages(ENTRY, 4, OTHER, 5))).isFalse();
    assertThat(dump.add(messages(ENTRY, 6, DONE, 0, ENTRY, 8))).isTrue();
    assertThat(dump.entries().orElseThrow()).containsExactly(4, 6);
  }

  @Test
  void answersToAnotherRequestAreLeftAlone() throws SystemCallException {
    var messages = messages(ENTRY, 4, DONE, 0, ENTRY, 5);
    messages.putInt(8, SEQUENCE - 1).putInt(LENGTH + 8, SEQUENCE - 1);
    assertThat(dump.add(messages)).isFalse();
    assertThat(dump.add(messages(DONE, 0))).isTrue();
    assertThat(dump.entries().orElseThrow()).containsExactly(5);
  }

  @Test
  void anErrorIsToldByItsNumber() {
    assertThatThrownBy(() -> dump.add(messages(ERROR, -95)))
        .isInstanceOfSatisfying(SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(95))
        .hasMessageStartingWith("cannot list: ");
  }

  @Test
  void aListThatIsCutOffIsNone() throws SystemCallException {
    var messages = messages(ENTRY, 4, ENTRY, 5);
    messages.putInt(LENGTH, LENGTH + 1);
    assertThat(dump.add(messages)).isTrue();
    assertThat(dump.entries()).isEmpty();
  }

  /** Entries that moved in the kernel's list while it told of them could be missing. */
  @Test
  void aListThatHasChangedMeanwhileIsNone() throws SystemCallException {
    for (int interrupted = -1; interrupted < 3; interrupted++) {
      var messages = messages(ENTRY, 4, ENTRY, 5, DONE, 0);
      if (interrupted >= 0) {
        messages.putShort(LENGTH * interrupted + 6, (short) 0x10);
      }
      var listing =
          new NetlinkDump<Integer>("cannot list", ENTRY, SEQUENCE, message -> Optional.of(1));
      assertThat(listing.add(messages)).isTrue();
      assertThat(listing.entries().isPresent()).as("%d", interrupted).isEqualTo(interrupted < 0);
    }
  }
}
