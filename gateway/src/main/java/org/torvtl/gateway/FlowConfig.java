/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * How long a flow waits that only one side still needs.
 *
 * @param answer how long a far end may be silent after the guest's FIN, having heard the guest last
 * @param linger the same for a far end that spoke last: the guest was most likely just done
 * @param drain how long the egress may take for the guest's last bytes once the guest is gone
 * @param uploadPorts where guests send something and far ends have no answer; see {@link Dialogue}
 */
public record FlowConfig(
    Duration answer, Duration linger, Duration drain, Set<Integer> uploadPorts) {
  /**
   * Where nobody answers: printers take jobs at 9100 and the ports behind it, one for each of their
   * plugs; syslog is at 514, 601 and 6514 (RFC 6587, appendix A; RFC 3195; RFC 5425).
   */
  public static final Set<Integer> UPLOAD_PORTS =
      Stream.concat(Stream.of(514, 601, 6514), IntStream.rangeClosed(9100, 9107).boxed())
          .collect(Collectors.toUnmodifiableSet());

  public static final FlowConfig DEFAULT =
      new FlowConfig(
          Duration.ofSeconds(15), Duration.ofSeconds(15), Duration.ofSeconds(60), UPLOAD_PORTS);

  public FlowConfig {
    uploadPorts = Set.copyOf(uploadPorts);
  }

  /** This, with another time for an answer. */
  public FlowConfig withAnswer(Duration answer) {
    return new FlowConfig(answer, linger, drain, uploadPorts);
  }

  /** This, with other ports for uploads. */
  public FlowConfig withUploadPorts(Set<Integer> uploadPorts) {
    return new FlowConfig(answer, linger, drain, uploadPorts);
  }
}
