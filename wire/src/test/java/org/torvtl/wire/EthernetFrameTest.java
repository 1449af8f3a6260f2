/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

class EthernetFrameTest {
  private static final String ADDRESSES = "020000000001" + "020000000002";

  private static EthernetFrame frame(String behindTheAddresses) {
    var bytes = ByteBufUtil.decodeHexDump("ffff" + ADDRESSES + behindTheAddresses);
    return new EthernetFrame().wrap(Unpooled.wrappedBuffer(bytes), 2, bytes.length - 2);
  }

  @Test
  void readsTypeAndPayload() {
    var frame = frame("0800" + "4500");
    assertThat(frame.defect()).isNull();
    assertThat(frame.type()).isEqualTo(EthernetFrame.TYPE_IPV4);
    assertThat(frame.payloadOffset()).isEqualTo(16);
    assertThat(frame.payloadLength()).isEqualTo(2);
  }

  @Test
  void aPriorityTagIsReadOver() {
    var frame = frame("8100" + "e000" + "0806" + "0001");
    assertThat(frame.type()).isEqualTo(EthernetFrame.TYPE_ARP);
    assertThat(frame.payloadOffset()).isEqualTo(20);
    assertThat(frame.payloadLength()).isEqualTo(2);
  }

  @Test
  void whatIsOfAVlanOrCutShortHasTheTypeOfATag() {
    for (var tagged : new String[] {"8100" + "e001" + "0806" + "0001", "8100" + "e000" + "08"}) {
      var frame = frame(tagged);
      assertThat(frame.type()).as(tagged).isEqualTo(0x8100);
      assertThat(frame.payloadOffset()).as(tagged).isEqualTo(16);
    }
  }
}
