/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * The state of a connection and what moves it on, as in the state diagram of RFC 9293, section
 * 3.3.2, with how long its last states may last: TIME-WAIT, and FIN-WAIT-2 without a reader.
 */
final class StateDiagram {
  private final TcpConfig config;
  private TcpState state;
  private boolean outputShut;
  private boolean inputShut;
  private long deadlineNanos = Deadlines.NONE;

  /**
   * The state at the start.
   *
   * @param active whether we open the connection, not the peer
   */
  StateDiagram(TcpConfig config, boolean active) {
    this.config = config;
    state = active ? TcpState.SYN_SENT : TcpState.HELD;
  }

  TcpState state() {
    return state;
  }

  boolean is(TcpState other) {
    return state == other;
  }

  /** Whether nothing more can be sent or received: TIME-WAIT or CLOSED. */
  boolean isOver() {
    return state == TcpState.TIME_WAIT || state == TcpState.CLOSED;
  }

  /** Whether the owner sends no more. */
  boolean isOutputShut() {
    return outputShut;
  }

  /** Whether the owner receives no more. */
  boolean isInputShut() {
    return inputShut;
  }

  /** When the last state ends; {@link Long#MAX_VALUE} for never. */
  long deadlineNanos() {
    return deadlineNanos;
  }

  /** We have sent a SYN and received one. */
  void synReceived() {
    state = TcpState.SYN_RECEIVED;
  }

  /**
   * The handshake is complete.
   *
   * @return whether our FIN is to be queued, for the owner has shut its output before
   */
  boolean established() {
    state = TcpState.ESTABLISHED;
    return outputShut && startClosing();
  }

  /**
   * The owner sends no more.
   *
   * @return whether our FIN is to be queued: not twice, and not before the handshake is complete
   */
  boolean shutOutput() {
    if (outputShut || state == TcpState.CLOSED) {
      return false;
    }
    outputShut = true;
    return startClosing();
  }

  private boolean startClosing() {
    switch (state) {
      case ESTABLISHED -> state = TcpState.FIN_WAIT_1;
      case CLOSE_WAIT -> state = TcpState.LAST_ACK;
      default -> {
        return false;
      }
    }
    return true;
  }

  /** The owner receives no more: the wait for the peer's FIN is bounded. */
  void shutInput(long nowNanos) {
    inputShut = true;
    boundFinWait2(nowNanos);
  }

  private void boundFinWait2(long nowNanos) {
    if (inputShut && state == TcpState.FIN_WAIT_2) {
      deadlineNanos = nowNanos + config.finWait2Nanos();
    }
  }

  /** Our FIN is acknowledged. LAST-ACK ends with that. */
  void finAcknowledged(long nowNanos) {
    switch (state) {
      case FIN_WAIT_1 -> {
        state = TcpState.FIN_WAIT_2;
        boundFinWait2(nowNanos);
      }
      case CLOSING -> startTimeWait(nowNanos);
      case LAST_ACK -> close();
      default -> {}
    }
  }

  /** The peer's FIN was received, and everything before it; the owner is to be told. */
  void finReceived() {
    switch (state) {
      case ESTABLISHED -> state = TcpState.CLOSE_WAIT;
      case FIN_WAIT_1 -> state = TcpState.CLOSING;
      default -> {}
    }
  }

  /** The owner has been told of the peer's FIN, and may have called back. */
  void endOfStreamTold(long nowNanos) {
    if (state == TcpState.FIN_WAIT_2) {
      startTimeWait(nowNanos);
    }
  }

  private void startTimeWait(long nowNanos) {
    state = TcpState.TIME_WAIT;
    deadlineNanos = nowNanos + config.timeWaitNanos();
  }

  /** The peer repeats its FIN: it has not got our acknowledgment, and TIME-WAIT starts anew. */
  void finRepeated(long nowNanos) {
    if (state == TcpState.TIME_WAIT) {
      startTimeWait(nowNanos);
    }
  }

  /** The connection is over. */
  void close() {
    state = TcpState.CLOSED;
    deadlineNanos = Deadlines.NONE;
  }
}
