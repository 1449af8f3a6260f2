/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CounterTableTest {
  @Test
  void isAlignedAndGroupedAndHasNoZeros() {
    var counters = new LinkedHashMap<String, Long>();
    counters.put("link.received_frames", 12L);
    counters.put("flow.requested", 1234L);
    counters.put("link.send_drops", 0L);
    counters.put("link.sent_frames", 7L);
    counters.put("lane0.requested", 1000L);
    counters.put("lane1.requested", 234L);
    assertThat(CounterTable.lines(counters))
        .containsExactly(
            "  link.received_frames    12",
            "  link.sent_frames         7",
            "",
            "  flow.requested        1234",
            "",
            "  lane0.requested       1000",
            "  lane1.requested        234");
  }

  @Test
  void saysSoWhereAllAreZero() {
    assertThat(CounterTable.lines(Map.of("link.sent_frames", 0L)))
        .containsExactly("  (all are zero)");
  }
}
