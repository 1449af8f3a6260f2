/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How far Tor is on its way to its first circuit. Control-spec, section "Client status", BOOTSTRAP.
 *
 * @param percent 0 to 100; at 100 streams can be opened
 * @param tag the phase's name for programs, as {@code conn_dir}
 * @param summary the phase in words
 * @param warning what went wrong in this phase, if Tor says so
 */
public record BootstrapStatus(int percent, String tag, String summary, @Nullable String warning) {
  private static final String BOOTSTRAP = "BOOTSTRAP";

  /** Whether Tor can open streams. */
  public boolean isDone() {
    return percent == 100;
  }

  /**
   * Reads {@code NOTICE BOOTSTRAP PROGRESS=…}, as in {@code status/bootstrap-phase} and in a
   * STATUS_CLIENT event. Empty for any other status.
   */
  static Optional<BootstrapStatus> parse(String text) {
    var line = ControlLine.parse(text, 2);
    if (line.words().size() < 2 || !line.words().get(1).equals(BOOTSTRAP)) {
      return Optional.empty();
    }
    return line.number("PROGRESS")
        .filter(percent -> percent >= 0 && percent <= 100)
        .map(percent ->
            new BootstrapStatus(
                percent,
                line.fields().getOrDefault("TAG", ""),
                line.fields().getOrDefault("SUMMARY", ""),
                line.fields().get("WARNING")));
  }
}
