/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A circuit. Control-spec, section "Circuit status changed".
 *
 * @param id unique among Tor's open circuits
 * @param status LAUNCHED, BUILT, GUARD_WAIT, EXTENDED, FAILED, CLOSED, or one of the future
 * @param path the relays so far, the guard first; empty before the first hop
 * @param purpose as GENERAL or HS_CLIENT_REND; null if not told
 * @param socksUsername the isolation key's first half, on a circuit that is bound to one
 * @param socksPassword the isolation key's second half
 */
public record CircuitStatus(
    String id,
    String status,
    List<RelayName> path,
    @Nullable String purpose,
    @Nullable String socksUsername,
    @Nullable String socksPassword) {
  public CircuitStatus {
    path = List.copyOf(path);
  }

  /** Whether streams can be attached. */
  public boolean isBuilt() {
    return status.equals("BUILT");
  }

  /** Reads a line of {@code GETINFO circuit-status}; empty if it is none. */
  static Optional<CircuitStatus> parse(String text) {
    var line = ControlLine.parse(text, 2);
    var words = line.words();
    if (words.size() < 2) {
      return Optional.empty();
    }
    var path = words.size() > 2 ? List.of(words.get(2).split(",")) : List.<String>of();
    var fields = line.fields();
    return Optional.of(
        new CircuitStatus(
            words.get(0),
            words.get(1),
            path.stream().map(RelayName::parse).flatMap(Optional::stream).toList(),
            fields.get("PURPOSE"),
            fields.get("SOCKS_USERNAME"),
            fields.get("SOCKS_PASSWORD")));
  }
}
