/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The timeout is one second at first; the peer is given up after seven. */
class RetransmissionTimerTest {
  private static final long SECOND = 1_000_000_000;

  private final RetransmissionTimer timer =
      new RetransmissionTimer(new RetransmissionTimeout(TcpConfig.defaults()), 7 * SECOND, 0);

  @Test
  void waitsTwiceAsLongAfterEachExpiry() {
    assertThat(timer.isExpired(Long.MAX_VALUE - 1)).isFalse();
    timer.start(0);
    assertThat(timer.isExpired(SECOND - 1)).isFalse();
    assertThat(timer.isExpired(SECOND)).isTrue();
    assertThat(timer.expire(SECOND)).isFalse();
    assertThat(timer.deadlineNanos()).isEqualTo(3 * SECOND);
    assertThat(timer.expire(3 * SECOND)).isTrue();
    assertThat(timer.isExhausted(7 * SECOND - 1)).isFalse();
    assertThat(timer.isExhausted(7 * SECOND)).isTrue();
  }

  @Test
  void expiresNoLaterThanThePeerIsGivenUp() {
    timer.start(0);
    timer.expire(SECOND);
    timer.expire(3 * SECOND);
    timer.expire(6 * SECOND);
    assertThat(timer.deadlineNanos()).isEqualTo(7 * SECOND);
  }

  @Test
  void anAcknowledgmentStartsTheCountingAnew() {
    timer.start(0);
    timer.expire(SECOND);
    timer.acknowledged(2 * SECOND);
    timer.start(2 * SECOND);
    assertThat(timer.isExhausted(7 * SECOND)).isFalse();
    assertThat(timer.expire(4 * SECOND)).isFalse();
  }

  @Test
  void windowProbesWaitTwiceAsLongEachTime() {
    timer.ensureProbes(0);
    assertThat(timer.isProbing()).isTrue();
    assertThat(timer.deadlineNanos()).isEqualTo(SECOND);
    timer.probe(SECOND);
    timer.ensureProbes(SECOND + 1);
    assertThat(timer.deadlineNanos()).isEqualTo(3 * SECOND);
    timer.restartSilence(3 * SECOND);
    timer.probe(3 * SECOND);
    assertThat(timer.deadlineNanos()).isEqualTo(7 * SECOND);
    assertThat(timer.isExhausted(7 * SECOND)).isFalse();
  }

  @Test
  void runsForOneThingAtATime() {
    timer.ensureProbes(0);
    timer.ensureRetransmission(SECOND / 2);
    assertThat(timer.isProbing()).isFalse();
    assertThat(timer.deadlineNanos()).isEqualTo(3 * SECOND / 2);
    timer.ensureRetransmission(SECOND);
    assertThat(timer.deadlineNanos()).isEqualTo(3 * SECOND / 2);
    timer.stop();
    assertThat(timer.deadlineNanos()).isEqualTo(Long.MAX_VALUE);
  }
}
