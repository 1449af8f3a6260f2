/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.util.Optional;

/**
 * A stream. Control-spec, section "Stream status changed". Its isolation key is not here: Tor lists
 * that with the circuit.
 *
 * @param id unique among Tor's open streams
 * @param status NEW, SENTCONNECT, SUCCEEDED, DETACHED, CLOSED and so on, or one of the future
 * @param circuitId of the circuit it is on; "0" for none
 * @param target {@code host:port} as asked for, port 0 for a lookup
 */
public record StreamStatus(String id, String status, String circuitId, String target) {
  private static final int WORDS = 4;

  /** Reads a line of {@code GETINFO stream-status}; empty if it is none. */
  static Optional<StreamStatus> parse(String text) {
    var words = ControlLine.parse(text, WORDS).words();
    return words.size() < WORDS
        ? Optional.empty()
        : Optional.of(new StreamStatus(words.get(0), words.get(1), words.get(2), words.get(3)));
  }
}
