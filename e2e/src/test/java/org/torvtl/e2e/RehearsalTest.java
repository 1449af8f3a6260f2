/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The build rehearsed a start, and what the JVM kept of it is used. Without, torvtl does all the
 * same, but each start takes longer and costs more: nothing else would tell.
 */
class RehearsalTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  @Test
  void whatTheBuildRehearsedIsUsed() throws Exception {
    try (var machine = Machine.boot()) {
      // The JVM does not start with a cache that was made of other files.
      var command =
          new ArrayList<>(
              List.of(
                  "env", "TORVTL_JAVA_OPTS=-XX:AOTMode=on -Xlog:class+load:file=/run/classes.log"));
      command.addAll(Machine.torvtl("--version"));
      machine.start(command).await(DEADLINE).orThrow();
      var gateway = "org.torvtl.cli.RunCommand ";
      assertThat(machine.script("cat /run/classes.log").out().lines())
          .filteredOn(line -> line.contains(gateway))
          .isNotEmpty()
          .allSatisfy(line -> assertThat(line).contains("shared objects file"));
    }
  }
}
