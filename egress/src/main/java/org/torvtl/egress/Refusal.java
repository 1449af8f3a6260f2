/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

/** How a guest's request for a connection is refused. */
public enum Refusal {
  /**
   * Not at all: it is left without an answer, so the guest repeats it. The egress could not be
   * asked for want of something, which says nothing about the remote end, and may pass.
   */
  NONE,
  /** As by a host where nothing listens on the port: with a RST. */
  RESET,
  /** As by a router that knows no way to the network. */
  NETWORK_UNREACHABLE,
  /** As by a router that knows no way to the host, or hears nothing from it. */
  HOST_UNREACHABLE,
  /** As by a router that is told not to forward. */
  PROHIBITED
}
