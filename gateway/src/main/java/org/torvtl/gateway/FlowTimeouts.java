/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.time.Duration;

/**
 * How long a flow waits that only one side still needs, and a connection to a name server for a
 * query.
 *
 * @param answer how long a far end may be silent after the guest's FIN, having heard the guest last
 * @param linger the same for a far end that spoke last: the guest was most likely just done
 * @param drain how long the egress may take for the guest's last bytes once the guest is gone
 * @param dnsIdle how long a connection to a name server may be without a query in flight; and as
 *     long again until the guest has ended it. RFC 7766, section 6.2.3
 */
record FlowTimeouts(Duration answer, Duration linger, Duration drain, Duration dnsIdle) {
  static final FlowTimeouts DEFAULT =
      new FlowTimeouts(
          Duration.ofSeconds(60),
          Duration.ofSeconds(15),
          Duration.ofSeconds(60),
          Duration.ofSeconds(30));

  FlowTimeouts(Duration answer, Duration linger, Duration drain) {
    this(answer, linger, drain, DEFAULT.dnsIdle);
  }
}
