/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Which forwarding tables there are: {@code HostIsolationTest} in e2e. */
class ForwardingEntriesTest {
  private static final long MAC = 0x02_54_6F_72_56_4CL;
  private static final short NEWNEIGH = 28, DELNEIGH = 29;
  private static final byte AF_INET = 2, AF_BRIDGE = 7;

  private static ByteBuffer message(short type, byte family, String mac) {
    byte[] address = HexFormat.of().parseHex(mac);
    var message = ByteBuffer.allocate(48).order(ByteOrder.nativeOrder());
    message.putInt(28 + 4 + address.length).putShort(type).position(16);
    message.put(family).position(28);
    message.putShort((short) (4 + address.length)).putShort((short) 2).put(address);
    return message.limit(28 + 4 + address.length + 3 & ~3).position(0);
  }

  private static boolean tells(ByteBuffer messages) {
    return ForwardingEntries.tellDeletion(messages, MAC);
  }

  @Test
  void theGatewaysAddressWasDeletedFromABridge() {
    assertThat(tells(message(DELNEIGH, AF_BRIDGE, "02546f72564c"))).isTrue();
    var second = ByteBuffer.allocate(96).order(ByteOrder.nativeOrder());
    second.put(message(DELNEIGH, AF_BRIDGE, "020000000002"));
    second.put(message(DELNEIGH, AF_BRIDGE, "02546f72564c")).flip();
    assertThat(tells(second)).isTrue();
  }

  @Test
  void othersAreOfNoInterest() {
    assertThat(tells(message(NEWNEIGH, AF_BRIDGE, "02546f72564c"))).isFalse();
    assertThat(tells(message(DELNEIGH, AF_INET, "02546f72564c"))).isFalse();
    assertThat(tells(message(DELNEIGH, AF_BRIDGE, "02546f72564d"))).isFalse();
    assertThat(tells(message(DELNEIGH, AF_BRIDGE, "0254"))).isFalse();
  }

  @Test
  void brokenMessagesAreLeftAlone() {
    for (int length : new int[] {-1, 0, 15, 27, 29, 400}) {
      var message = message(DELNEIGH, AF_BRIDGE, "02546f72564c");
      message.putInt(0, length);
      assertThat(tells(message)).as("%d", length).isFalse();
    }
    for (int length : new int[] {0, 3, 400}) {
      var message = message(DELNEIGH, AF_BRIDGE, "02546f72564c");
      message.putShort(28, (short) length);
      assertThat(tells(message)).as("%d", length).isFalse();
    }
  }
}
