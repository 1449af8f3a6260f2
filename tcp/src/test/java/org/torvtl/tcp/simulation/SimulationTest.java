/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Runs of the {@link Simulation}, each from a seed of its own; millions of them are {@code make
 * test-long PART=seeds}.
 */
class SimulationTest {
  private static final int SEEDS = 5_000;
  private static final long LIMIT_MILLIS = 600_000;

  @Test
  void everyByteArrivesOnceInOrderAndEveryConnectionEnds() throws InterruptedException {
    var campaign = new Campaign(1, SEEDS, Runtime.getRuntime().availableProcessors());
    campaign.start();
    boolean finished = campaign.await(LIMIT_MILLIS);
    campaign.stop();
    assertThat(campaign.failures()).isEmpty();
    assertThat(finished).as("seeds that do not end: %s", campaign.slow(10)).isTrue();
    // The wire, the applications and the hostile peers were as bad as they should be.
    var figures = campaign.figures();
    assertThat(figures).containsEntry("runs", (long) SEEDS);
    assertThat(figures.get("runs_with_hostile_peer")).isBetween(SEEDS / 5L, SEEDS / 3L);
    for (var name :
        List.of(
            "wire_lost",
            "wire_harmed",
            "wire_malformed",
            "wire_forged",
            "retransmits",
            "fast_recoveries",
            "timeouts",
            "window_probes",
            "challenge_acks",
            "out_of_window",
            "out_of_order",
            "duplicate_data",
            "paws_rejected",
            "overtaken_acks",
            "bad_acknowledgments",
            "bad_sack_blocks",
            "resets_received",
            "data_after_close",
            "gave_up")) {
      assertThat(figures.get(name)).as(name).isGreaterThan(SEEDS / 100);
    }
  }

  @Test
  void aSeedAlwaysGivesTheSameRun() {
    for (long seed = 1; seed <= 40; seed++) {
      assertThat(trace(seed)).isEqualTo(trace(seed));
    }
  }

  private static List<String> trace(long seed) {
    var lines = new ArrayList<String>();
    new Simulation(seed, new Tally(), lines::add).run();
    return lines;
  }
}
