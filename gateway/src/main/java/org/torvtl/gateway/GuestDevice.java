/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.util.List;
import org.torvtl.link.Link;
import org.torvtl.stack.StackConfig;

/**
 * A device that guests are behind, and an isolation domain of its own.
 *
 * @param name what the device is called in messages
 * @param links its queues, one for each lane. All frames of a connection, and their fragments, must
 *     come from the same one, always; all that is not TCP from the first one
 * @param config how its stacks behave; what it limits, it limits for all devices of the gateway
 *     together
 * @param isolation belongs to this device alone
 */
public record GuestDevice(
    String name, List<? extends Link> links, StackConfig config, IsolationPolicy isolation) {
  public GuestDevice {
    if (links.isEmpty()) {
      throw new IllegalArgumentException("a device without a link: " + name);
    }
    links = List.copyOf(links);
  }

  /** This, with other limits. */
  public GuestDevice withConfig(StackConfig config) {
    return new GuestDevice(name, links, config, isolation);
  }
}
