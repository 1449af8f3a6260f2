/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/**
 * torvtl's own tor on a machine whose network leads nowhere, as where a cable is not plugged in.
 */
class OfflineTorTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  /** It was silent for five minutes. */
  @Test
  void itsWarningsAreToldAndWhatItWaitsFor() throws Exception {
    try (var machine = Machine.boot()) {
      machine.script(
          """
          ip link add nowhere type veth peer name void
          ip link set void up
          ip address add 192.0.2.1/24 dev nowhere
          ip link set nowhere up
          ip route add default via 192.0.2.2
          """);
      var run = machine.start(Machine.torvtl("run", "-d", "tap7"));
      run.awaitLine("tor warns: Problem bootstrapping", DEADLINE);
      // Before it serves, too, this is no request to end.
      Signal.USR1.to(Machine.processOf(run));
      run.awaitLine("tor has made no progress for 30 s at ", DEADLINE);
      assertThat(run.output()).contains("firewall", "clock", "bridges");
      Signal.TERM.to(Machine.processOf(run));
      var ended = run.await(DEADLINE);
      assertThat(ended.exitStatus()).as("%s", ended).isEqualTo(128 + 15);
      assertThat(ended.err().lines().filter(line -> line.startsWith("tor warns")))
          .hasSizeLessThan(8);
    }
  }
}
