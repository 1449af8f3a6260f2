/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StateDiagramTest {
  private static final long NEVER = Long.MAX_VALUE;

  private final TcpConfig config = TcpConfig.defaults();
  private final StateDiagram diagram = new StateDiagram(config, false);

  private StateDiagram established() {
    diagram.synReceived();
    assertThat(diagram.established()).isFalse();
    return diagram;
  }

  private void assertState(TcpState state) {
    assertThat(diagram.state()).isEqualTo(state);
  }

  @Test
  void beginsBySide() {
    assertState(TcpState.HELD);
    assertThat(new StateDiagram(config, true).state()).isEqualTo(TcpState.SYN_SENT);
  }

  @Test
  void weCloseFirst() {
    assertThat(established().shutOutput()).isTrue();
    assertThat(diagram.shutOutput()).isFalse();
    assertState(TcpState.FIN_WAIT_1);
    diagram.finAcknowledged(0);
    assertState(TcpState.FIN_WAIT_2);
    assertThat(diagram.deadlineNanos()).isEqualTo(NEVER);
    diagram.finReceived();
    assertState(TcpState.FIN_WAIT_2);
    diagram.endOfStreamTold(10);
    assertState(TcpState.TIME_WAIT);
    assertThat(diagram.isOver()).isTrue();
    assertThat(diagram.deadlineNanos()).isEqualTo(10 + config.timeWaitNanos());
    diagram.finRepeated(20);
    assertThat(diagram.deadlineNanos()).isEqualTo(20 + config.timeWaitNanos());
    diagram.close();
    assertState(TcpState.CLOSED);
    assertThat(diagram.deadlineNanos()).isEqualTo(NEVER);
  }

  @Test
  void thePeerClosesFirst() {
    established().finReceived();
    diagram.endOfStreamTold(0);
    assertState(TcpState.CLOSE_WAIT);
    assertThat(diagram.shutOutput()).isTrue();
    assertState(TcpState.LAST_ACK);
    diagram.finAcknowledged(0);
    assertState(TcpState.CLOSED);
    assertThat(diagram.shutOutput()).isFalse();
  }

  @Test
  void bothCloseAtOnce() {
    established().shutOutput();
    diagram.finReceived();
    diagram.endOfStreamTold(0);
    assertState(TcpState.CLOSING);
    diagram.finAcknowledged(0);
    assertState(TcpState.TIME_WAIT);
  }

  @Test
  void whatIsShutBeforeTheHandshakeIsClosedAfterIt() {
    assertThat(diagram.shutOutput()).isFalse();
    diagram.synReceived();
    assertThat(diagram.established()).isTrue();
    assertState(TcpState.FIN_WAIT_1);
  }

  @Test
  void withoutAReaderTheWaitForTheFinIsBounded() {
    established().shutInput(0);
    assertThat(diagram.deadlineNanos()).isEqualTo(NEVER);
    diagram.shutOutput();
    diagram.finAcknowledged(30);
    assertThat(diagram.deadlineNanos()).isEqualTo(30 + config.finWait2Nanos());
  }

  @Test
  void aReaderWhoLeavesLaterBoundsItToo() {
    established().shutOutput();
    diagram.finAcknowledged(30);
    diagram.shutInput(40);
    assertThat(diagram.isInputShut()).isTrue();
    assertThat(diagram.deadlineNanos()).isEqualTo(40 + config.finWait2Nanos());
  }

  @Test
  void aRepeatedFinMeansNothingElsewhere() {
    established().finRepeated(5);
    assertThat(diagram.deadlineNanos()).isEqualTo(NEVER);
    assertState(TcpState.ESTABLISHED);
  }
}
