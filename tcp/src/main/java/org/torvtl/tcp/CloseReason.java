/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/** Why a connection ended. */
public enum CloseReason {
  /** Both directions ended with a FIN that was acknowledged. */
  NORMAL,
  /** The peer sent a RST, in a connection that was open or held. */
  RESET_BY_PEER,
  /** The peer answered our SYN with a RST. */
  REFUSED_BY_PEER,
  /** The peer stopped answering. */
  TIMED_OUT,
  /** The owner refused the peer's SYN. */
  REFUSED,
  /**
   * The owner aborted the connection, or the peer sent data the owner had said it would not read.
   */
  ABORTED,
  /** The owner dropped the connection without a word to the peer. */
  DROPPED
}
