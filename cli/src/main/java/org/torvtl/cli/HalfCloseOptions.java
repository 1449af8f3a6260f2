/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.torvtl.gateway.FlowConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options that tell how long a far end is waited for whose guest has ended its side. */
final class HalfCloseOptions {
  private static final int MAX_WAIT_SECONDS = 3_600, MAX_PORT = 65_535;

  @Option(
      names = "--answer-wait",
      paramLabel = "SECONDS",
      defaultValue = "15",
      description =
          "How long a far end may take for its answer to a guest that has ended its side of a"
              + " connection, which Tor cannot pass on alone. Default: ${DEFAULT-VALUE}.")
  private int answerSeconds;

  @Option(
      names = "--upload-ports",
      paramLabel = "PORT",
      split = ",",
      description =
          "Ports where guests only send, and servers wait for the end: it is passed on at once."
              + " In place of 514,601,6514 (syslog) and 9100 to 9107 (printers). What is sent by"
              + " FTP, and more than 64 KiB to a server that has not said a word, is taken for"
              + " such an upload at any port.")
  private @Nullable List<Integer> uploadPorts;

  // Filled in by picocli.
  private HalfCloseOptions() {}

  /** What they say. */
  FlowConfig flows(CommandSpec spec) {
    if (answerSeconds < 1 || answerSeconds > MAX_WAIT_SECONDS) {
      throw Arguments.wrong(
          spec,
          "--answer-wait is from 1 to %d seconds, not %d"
              .formatted(MAX_WAIT_SECONDS, answerSeconds));
    }
    var config = FlowConfig.DEFAULT.withAnswer(Duration.ofSeconds(answerSeconds));
    return uploadPorts == null ? config : config.withUploadPorts(checked(spec, uploadPorts));
  }

  private static Set<Integer> checked(CommandSpec spec, List<Integer> ports) {
    for (int port : ports) {
      if (port < 1 || port > MAX_PORT) {
        throw Arguments.wrong(
            spec, "--upload-ports takes ports from 1 to %d, not %d".formatted(MAX_PORT, port));
      }
    }
    return new HashSet<>(ports);
  }
}
