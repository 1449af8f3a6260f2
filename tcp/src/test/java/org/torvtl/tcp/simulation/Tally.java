/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import java.util.Map;
import java.util.TreeMap;
import org.torvtl.tcp.TcpCounters;

/** What happened, to see that the runs were as bad as they should be. */
final class Tally {
  long runs;
  long hostileRuns;
  long events;
  long segments;
  long lost;
  long harmed;
  long missedByChecksum;
  long malformed;
  long forged;
  long delivered;
  final TcpCounters counters = new TcpCounters();

  /** All figures by name. */
  Map<String, Long> figures() {
    var figures = new TreeMap<String, Long>();
    addTo(figures);
    return figures;
  }

  /** Adds all figures to those of other tallies. */
  void addTo(Map<String, Long> figures) {
    counters.forEach((name, count) -> figures.merge(name, count, Long::sum));
    figures.merge("runs", runs, Long::sum);
    figures.merge("runs_with_hostile_peer", hostileRuns, Long::sum);
    figures.merge("wire_events", events, Long::sum);
    figures.merge("wire_segments", segments, Long::sum);
    figures.merge("wire_lost", lost, Long::sum);
    figures.merge("wire_harmed", harmed, Long::sum);
    figures.merge("wire_missed_by_checksum", missedByChecksum, Long::sum);
    figures.merge("wire_malformed", malformed, Long::sum);
    figures.merge("wire_forged", forged, Long::sum);
    figures.merge("bytes_delivered", delivered, Long::sum);
  }
}
