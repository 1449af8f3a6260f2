/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Segments of 1000 bytes from sequence number 0; the congestion window begins at 10,000 bytes. */
class SendAllowanceTest {
  private static final int NOTHING = SendAllowance.NOTHING;

  private final SendWindow window = new SendWindow(0);
  private final TransmissionLog log = new TransmissionLog(0);

  private SendAllowance segmentsOf(int mss) {
    var config = TcpConfig.defaults().withMaxTransmitBytes(64_000);
    var receiver = Outbox.receiver(new TcpCounters(), new Timestamps(0));
    return new SendAllowance(
        window,
        new NewReno(1000, false),
        new LossRecovery(log, null, mss, 0),
        new EffectiveMss(config, mss, receiver, window));
  }

  private final SendAllowance allowance = segmentsOf(1000);

  @Test
  void thePeersWindowBounds() {
    window.open(3500, 0, 0);
    assertThat(allowance.newBytes(0, 2000)).isEqualTo(2000);
    assertThat(allowance.newBytes(0, 9000)).isEqualTo(3000);
    assertThat(allowance.newBytes(3500, 9000)).isEqualTo(NOTHING);
    assertThat(allowance.isCongestionLimited()).isFalse();
  }

  @Test
  void aSillySegmentWaits() {
    window.open(4000, 0, 0);
    assertThat(allowance.newBytes(3001, 5000)).isEqualTo(NOTHING);
    assertThat(allowance.newBytes(3001, 999)).isEqualTo(999);
  }

  @Test
  void aFinAloneNeedsRoomInTheWindow() {
    window.open(4000, 0, 0);
    assertThat(allowance.newBytes(3999, 0)).isZero();
    assertThat(allowance.newBytes(4000, 0)).isEqualTo(NOTHING);
  }

  @Test
  void theCongestionWindowBounds() {
    window.open(60_000, 0, 0);
    assertThat(allowance.newBytes(0, 50_000)).isEqualTo(10_000);
    log.sent(9500, 0, 0);
    allowance.begin();
    assertThat(allowance.newBytes(9500, 500)).isEqualTo(500);
    assertThat(allowance.isCongestionLimited()).isFalse();
    assertThat(allowance.newBytes(9500, 501)).isEqualTo(NOTHING);
    assertThat(allowance.isCongestionLimited()).isTrue();
    allowance.begin();
    assertThat(allowance.isCongestionLimited()).isFalse();
  }

  @Test
  void ofSmallSegmentsThereMayBeOnlySoMany() {
    window.open(60_000, 0, 0);
    var small = segmentsOf(64);
    log.sent(9000, 0, 0);
    assertThat(small.newBytes(9000, 5000)).isEqualTo(960);
    var tiny =
        new SendAllowance(
            window,
            new NewReno(60_000, false),
            new LossRecovery(log, null, 64, 0),
            new EffectiveMss(
                TcpConfig.defaults(),
                64,
                Outbox.receiver(new TcpCounters(), new Timestamps(0)),
                window));
    log.sent(64L * SendAllowance.MOST_SMALL_UNDER_WAY, 0, 0);
    assertThat(tiny.newBytes(64L * SendAllowance.MOST_SMALL_UNDER_WAY, 5000)).isEqualTo(NOTHING);
    assertThat(tiny.isCongestionLimited()).isFalse();
  }

  @Test
  void lostBytesGoOutAsTheWindowsAllow() {
    window.open(60_000, 0, 0);
    log.sent(10_000, 0, 0);
    assertThat(allowance.lostBytes(0, false)).isEqualTo(NOTHING);
    assertThat(allowance.isCongestionLimited()).isTrue();
    assertThat(allowance.lostBytes(0, true)).isEqualTo(1000);
    log.loseFirst(3500);
    assertThat(allowance.lostBytes(0, false)).isEqualTo(3000);
    assertThat(allowance.lostBytes(60_000, false)).isEqualTo(NOTHING);
    assertThat(allowance.lostBytes(60_000, true)).isEqualTo(1000);
  }
}
