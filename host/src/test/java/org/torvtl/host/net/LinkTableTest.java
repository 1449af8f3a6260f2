/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** What it reads of the kernel's: {@code HostIsolationTest} in e2e. */
class LinkTableTest {
  private static final short NEWLINK = 16, DELLINK = 17;
  private static final byte AF_UNSPEC = 0, AF_BRIDGE = 7;

  private static ByteBuffer messages(Object... fields) {
    var buffer = ByteBuffer.allocate(32 * fields.length / 3).order(ByteOrder.nativeOrder());
    for (int i = 0; i < fields.length; i += 3) {
      int at = 32 * i / 3;
      buffer
          .putInt(at, 32)
          .putShort(at + 4, (short) fields[i])
          .put(at + 16, (byte) fields[i + 1])
          .putInt(at + 20, (int) fields[i + 2]);
    }
    return buffer;
  }

  @Test
  void theEndOfInterfacesIsToldAndNotThatOfABridgesPort() {
    var messages =
        messages(
            DELLINK, AF_BRIDGE, 3, NEWLINK, AF_UNSPEC, 4, DELLINK, AF_UNSPEC, 5, DELLINK, AF_UNSPEC,
            6);
    assertThat(LinkTable.deleted(messages)).containsExactly(5, 6);
  }

  @Test
  void brokenMessagesAreLeftAlone() {
    for (int length : new int[] {-1, 0, 31, 33}) {
      var messages = messages(DELLINK, AF_UNSPEC, 5);
      messages.putInt(0, length);
      assertThat(LinkTable.deleted(messages)).as("%d", length).isEmpty();
    }
  }
}
