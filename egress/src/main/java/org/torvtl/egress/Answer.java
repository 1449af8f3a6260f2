/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import java.net.InetAddress;

/** What the far side of an egress knows of a name or an address. */
public sealed interface Answer {
  /** An address of the name, of either family. */
  record Address(InetAddress address) implements Answer {}

  /** The name of the address, as it came: not checked. */
  record Name(String name) implements Answer {}

  /** There is no such name, or the address has none. */
  enum Unknown implements Answer {
    UNKNOWN
  }
}
