/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.syn;
import static org.torvtl.tcp.Seg.synAck;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.wire.TcpOptions;

/** Every mix of the four options in the guest's half of the handshake, either way round. */
class OptionMixTest {
  private static final int MSS = 1, SACK = 2, TIMESTAMPS = 4, SCALE = 8;

  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  private static boolean has(int mix, int option) {
    return (mix & option) != 0;
  }

  private static int segment(int mix) {
    return (has(mix, MSS) ? 1000 : 536) - (has(mix, TIMESTAMPS) ? 12 : 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
  void theGuestOpens(int mix) {
    guest.mss(has(mix, MSS) ? 1000 : 0);
    if (has(mix, SACK)) {
      guest.sackPermitted();
    }
    if (has(mix, TIMESTAMPS)) {
      guest.timestamps();
    }
    if (has(mix, SCALE)) {
      guest.wscale(2);
    }
    var answer = synAck().ackOf(0).mss(1460).sackOk(has(mix, SACK));
    answer.wscale(has(mix, SCALE) ? 5 : TcpOptions.NO_WINDOW_SCALE);
    if (has(mix, TIMESTAMPS)) {
      answer.ts(0, 1000);
    }
    guest.guestWindow(500).held().weAccept().expect(answer).sends(ack(0));
    guest.expectEvents("established");
    checkData(mix);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
  void weOpen(int mix) {
    guest.opening().expect(syn().mss(1460).sackOk(true).wscale(5).ts(0, 0));
    var answer = synAck().ackOf(0).win(500).sackOk(has(mix, SACK));
    answer.mss(has(mix, MSS) ? 1000 : 0);
    if (has(mix, SCALE)) {
      answer.wscale(2);
    }
    if (has(mix, TIMESTAMPS)) {
      guest.timestamps();
    }
    guest.guestWindow(500).sends(answer).expect(ack(0)).sends(ack(0));
    guest.expectEvents("established");
    checkData(mix);
  }

  /** Segment size, options, the scale of the window either way, and SACK, as agreed. */
  private void checkData(int mix) {
    int size = segment(mix);
    int window = has(mix, SCALE) ? 2000 : 500;
    guest.weSend(3000);
    int at = 0;
    while (at + size <= window) {
      at += size;
    }
    for (var sent : guest.drain()) {
      assertThat(sent.length).isEqualTo(Math.min(size, window));
      assertThat(sent.timestamp != null).isEqualTo(has(mix, TIMESTAMPS));
    }
    guest.sends(data(100, 10).ackOf(0));
    var report = ack(0);
    if (has(mix, SACK)) {
      report.sack(100, 110);
    } else {
      report.sack();
    }
    guest.expect(report.win(has(mix, SCALE) ? 2048 : 65_535));
    assertThat(guest.connection().unsentBytes()).isEqualTo(3000 - (window < size ? window : at));
  }
}
