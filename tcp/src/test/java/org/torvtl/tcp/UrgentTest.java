/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.flags;
import static org.torvtl.tcp.Seg.urgent;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpSegment;

/** Urgent data stays in line: RFC 6093, section 6; RFC 9293, section 3.8.5. */
class UrgentTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void urgentDataIsDeliveredInLine() {
    guest.established().sends(data(0, 10)).sends(urgent(10, 1)).sends(data(11, 10)).skip();
    guest.expectEvents("data 10", "data 1", "data 10");
  }

  @Test
  void urgentDataOutOfOrderWaitsForItsTurn() {
    guest.established().sends(urgent(10, 1)).expectEvents().sends(data(0, 10)).skip();
    guest.expectEvents("data 10", "data 1");
  }

  @Test
  void anUrgentPointerWithoutDataChangesNothing() {
    guest.established().sends(urgent(0, 0)).expectNothing().expectEvents();
    guest.sends(data(0, 10)).expect(ack(10)).expectEvents("data 10");
  }

  @Test
  void anUrgentFinIsAFin() {
    guest.established();
    guest.sends(flags(TcpSegment.ACK | TcpSegment.URG | TcpSegment.FIN, 0)).expect(ack(1));
    guest.expectEvents("end of stream").expectState(TcpState.CLOSE_WAIT);
  }
}
