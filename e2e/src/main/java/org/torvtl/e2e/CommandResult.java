/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.time.Duration;
import java.util.List;

/**
 * A command that has ended.
 *
 * @param command the command and its arguments, as the caller gave them
 * @param exitStatus 128 plus the signal's number if a signal ended it
 * @param out all of standard output
 * @param err all of standard error
 * @param took from its start to the end of its output
 */
public record CommandResult(
    List<String> command, int exitStatus, String out, String err, Duration took) {

  /** This, if the command succeeded; otherwise a failure that tells everything it said. */
  public CommandResult orThrow() {
    if (exitStatus != 0) {
      throw new IllegalStateException(toString());
    }
    return this;
  }

  /** Standard output without white space around it. */
  public String line() {
    return out.strip();
  }

  @Override
  public String toString() {
    return "%s: exit status %d after %d ms%nstdout: %s%nstderr: %s"
        .formatted(
            String.join(" ", command), exitStatus, took.toMillis(), out.strip(), err.strip());
  }
}
