/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * How long a flow waits that only one side still needs, and a connection to a name server for a
 * query.
 *
 * @param answer how long a far end may be silent after the guest's FIN, having heard the guest last
 * @param linger the same for a far end that spoke last: the guest was most likely just done
 * @param drain how long the egress may take for the guest's last bytes once the guest is gone
 * @param dnsIdle how long a connection to a name server may be without a query in flight; and as
 *     long again until the guest has ended it. RFC 7766, section 6.2.3
 * @param uploadPorts where guests send something and far ends have no answer; see {@link Dialogue}
 */
public record FlowConfig(
    Duration answer, Duration linger, Duration drain, Duration dnsIdle, Set<Integer> uploadPorts) {
  /**
   * Where nobody answers: printers take jobs at 9100 and the ports behind it, one for each of their
   * plugs; syslog is at 514, 601 and 6514 (RFC 6587, appendix A; RFC 3195; RFC 5425).
   */
  public static final Set<Integer> UPLOAD_PORTS =
      Stream.concat(Stream.of(514, 601, 6514), IntStream.rangeClosed(9100, 9107).boxed())
          .collect(Collectors.toUnmodifiableSet());

  public static final FlowConfig DEFAULT =
      new FlowConfig(
          Duration.ofSeconds(15),
          Duration.ofSeconds(15),
          Duration.ofSeconds(60),
          Duration.ofSeconds(30),
          UPLOAD_PORTS);

  public FlowConfig {
    uploadPorts = Set.copyOf(uploadPorts);
  }

  /** This, with another time for an answer. */
  public FlowConfig withAnswer(Duration answer) {
    return new FlowConfig(answer, linger, drain, dnsIdle, uploadPorts);
  }

  /** This, with other ports for uploads. */
  public FlowConfig withUploadPorts(Set<Integer> uploadPorts) {
    return new FlowConfig(answer, linger, drain, dnsIdle, uploadPorts);
  }
}
