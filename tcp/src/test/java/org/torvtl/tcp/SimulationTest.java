/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import org.junit.jupiter.api.Test;

/** Many runs of the {@link Simulation}, each from a seed of its own. */
class SimulationTest {
  private static final int RUNS = Integer.getInteger("torvtl.runs", 2000);

  @Test
  void everyByteArrivesOnceInOrderAndEveryConnectionEnds() {
    var only = Long.getLong("torvtl.seed");
    if (only != null) {
      replay(only);
      return;
    }
    var failures = new ArrayList<String>();
    long retransmits = 0;
    long recoveries = 0;
    long timeouts = 0;
    long probes = 0;
    long damaged = 0;
    for (long seed = 1; seed <= RUNS; seed++) {
      var simulation = new Simulation(seed, false);
      try {
        simulation.run();
      } catch (RuntimeException e) {
        failures.add(describe(seed, e));
      }
      retransmits += simulation.counters.retransmits();
      recoveries += simulation.counters.fastRecoveries();
      timeouts += simulation.counters.timeouts();
      probes += simulation.counters.windowProbes();
      damaged += simulation.damaged;
    }
    assertThat(failures).isEmpty();
    // The wire was as bad as it should be.
    assertThat(retransmits).isGreaterThan(10L * RUNS);
    assertThat(recoveries).isGreaterThan(RUNS);
    assertThat(timeouts).isGreaterThan(RUNS);
    assertThat(probes).isGreaterThan(RUNS / 10);
    assertThat(damaged).isGreaterThan(RUNS);
  }

  private static String describe(long seed, RuntimeException e) {
    return e
        + (e instanceof Simulation.Broken ? "" : " at " + e.getStackTrace()[0])
        + "; replay with: mvn test -pl tcp -am -Dtest=SimulationTest"
        + " -Dsurefire.failIfNoSpecifiedTests=false -Dtorvtl.seed="
        + seed;
  }

  private static void replay(long seed) {
    var simulation = new Simulation(seed, true);
    try {
      simulation.run();
    } finally {
      simulation.trace.forEach(System.out::println);
    }
  }
}
