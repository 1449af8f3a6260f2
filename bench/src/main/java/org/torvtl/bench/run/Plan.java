/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.util.Set;

/**
 * How much to measure.
 *
 * @param warmUpMillis for each kind of load on each side, before the first round
 * @param rounds how often everything is measured
 * @param millis for each figure on each side in a round
 * @param held connections to hold at a time
 * @param megabytes to download through Tor, of 10^6 bytes
 * @param rows what to measure
 */
public record Plan(
    int warmUpMillis, int rounds, int millis, int held, int megabytes, Set<String> rows) {
  boolean has(String row) {
    return rows.contains(row);
  }
}
