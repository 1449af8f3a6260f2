/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.Optional;

/** What speaks against a link although its guard is in force. */
public interface Objections {
  /**
   * Why nothing may be carried; asked on each change, and each second unless the link is a device
   * of the gateway's own.
   */
  Optional<String> get() throws IOException;

  /**
   * Whether an interface is one of the host's own networks, which is not to be cut off.
   *
   * @param index of it; one that is gone is none
   */
  boolean leadsOut(int index) throws IOException;
}
