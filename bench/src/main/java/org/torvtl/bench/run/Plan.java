/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.util.Set;

/**
 * How much to measure.
 *
 * @param warmUps rounds that come first and do not count: a JVM compiles what it does often
 * @param rounds that count
 * @param millis for each figure on each side in a round
 * @param held connections to hold at a time
 * @param megabytes to download through Tor, of 10^6 bytes
 * @param rows what to measure
 */
public record Plan(
    int warmUps, int rounds, int millis, int held, int megabytes, Set<String> rows) {
  boolean has(String row) {
    return rows.contains(row);
  }
}
