/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import java.io.IOException;
import org.torvtl.host.system.Command;

/** Whether a program is there and runs. */
public sealed interface ProgramCheck {
  /**
   * It is.
   *
   * @param version the first line of what it says of itself
   */
  record Runs(String version) implements ProgramCheck {}

  /**
   * It is not.
   *
   * @param reason why, in words
   */
  record Fails(String reason) implements ProgramCheck {}

  /**
   * Asks a program for its version.
   *
   * @param command such as {@code tor --version}
   */
  static ProgramCheck of(String... command) throws InterruptedException {
    try {
      return new Runs(Command.run(command).lines().findFirst().orElse("").strip());
    } catch (IOException e) {
      return new Fails(String.valueOf(e.getMessage()));
    }
  }
}
