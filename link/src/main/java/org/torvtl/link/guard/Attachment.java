/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

/**
 * A device of the gateway's on the guests' link, or one that guests are behind all the same.
 *
 * @param index the kernel's number of it, as it was found
 * @param name its name, as it was found
 */
public record Attachment(Role role, int index, String name) {
  /** How the gateway uses a device. */
  public enum Role {
    /** A packet socket is on it. */
    SOCKET,
    /** A TAP of the gateway's own, both ways. */
    TAP,
    /** A TAP of the gateway's own that it only receives from. */
    RECEIVING_TAP,
    /** A TUN of the gateway's own, for the programs of this host. */
    TUN,
    /** No device of the gateway's: what guests were behind, a port or a lower device. */
    FORMER
  }
}
