/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.time.Duration;

/**
 * How long a flow waits that only one side still needs.
 *
 * @param answer how long a far end may be silent after the guest's FIN, having heard the guest last
 * @param linger the same for a far end that spoke last: the guest was most likely just done
 * @param drain how long the egress may take for the guest's last bytes once the guest is gone
 */
record FlowTimeouts(Duration answer, Duration linger, Duration drain) {
  static final FlowTimeouts DEFAULT =
      new FlowTimeouts(Duration.ofSeconds(60), Duration.ofSeconds(15), Duration.ofSeconds(60));
}
