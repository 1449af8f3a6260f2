/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/** The states of a connection: those of RFC 9293, section 3.3.2, and {@link #HELD}. */
public enum TcpState {
  /** A SYN has arrived; the owner has not decided yet, and nothing has been sent. */
  HELD,
  /** We have sent a SYN. */
  SYN_SENT,
  /** SYNs have crossed in both directions; ours is not acknowledged yet. */
  SYN_RECEIVED,
  /** Data flows both ways. */
  ESTABLISHED,
  /** We have shut down our direction; the FIN, or data before it, is not acknowledged yet. */
  FIN_WAIT_1,
  /** Our FIN is acknowledged; the peer may still send. */
  FIN_WAIT_2,
  /** The peer has shut down its direction; we may still send. */
  CLOSE_WAIT,
  /** Both have shut down at once; our FIN is not acknowledged yet. */
  CLOSING,
  /** The peer shut down first, then we; our FIN is not acknowledged yet. */
  LAST_ACK,
  /** Over for the owner; old segments of the peer are still answered. */
  TIME_WAIT,
  /** Over; the connection can be forgotten. */
  CLOSED
}
