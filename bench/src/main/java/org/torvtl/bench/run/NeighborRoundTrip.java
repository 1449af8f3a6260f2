/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.torvtl.e2e.WorstPacket;

/**
 * The round trip of a guest's ping to the gateway while its neighbor on the same segment sends the
 * worst packets of each protocol as fast as they go.
 */
final class NeighborRoundTrip {
  private static final Duration INTERVAL = Duration.ofMillis(10);

  /** How long the flood goes on before the first ping that counts, and behind the last. */
  private static final Duration AROUND = Duration.ofSeconds(1);

  /** A MAC address that nobody has. */
  private static final String ELSEWHERE = "02:00:00:00:00:99";

  private static final Duration SOON = Duration.ofSeconds(60);
  private static final Pattern TIME = Pattern.compile("time=([0-9.]+) ms");

  private final World world;
  private final World.Segment segment;
  private final String gatewayMac;
  private final int pings;

  /**
   * What came of one flood.
   *
   * @param medianMicros of the pings that were answered
   * @param p99Micros the same
   * @param maxMicros the same
   * @param lost pings, in percent
   * @param afterMillis round trip of a ping sent when the flood has ended
   * @param frames that the flood sent, a second
   */
  record Result(
      double medianMicros,
      double p99Micros,
      double maxMicros,
      double lost,
      double afterMillis,
      double frames) {}

  NeighborRoundTrip(World world, int millis) throws IOException, InterruptedException {
    this.world = world;
    this.pings = Math.max(1, millis / (int) INTERVAL.toMillis());
    segment = world.segment(world.gateway("tap4", List.of()));
    gatewayMac =
        segment
            .neighbor()
            .script(
                SOON,
                """
                ping -n -c 1 -W 10 10.0.0.1 >/dev/null
                ip neighbour show 10.0.0.1 | grep -o "lladdr [0-9a-f:]*" | cut -d" " -f2
                """)
            .orThrow()
            .line();
  }

  Result measure(WorstPacket packet) throws IOException, InterruptedException {
    return measure(packet, gatewayMac);
  }

  /**
   * The same flood, that ends in the kernel at the flooder's port: what the machine has to do with
   * it, and the gateway has not.
   */
  Result measureElsewhere(WorstPacket packet) throws IOException, InterruptedException {
    return measure(packet, ELSEWHERE);
  }

  private Result measure(WorstPacket packet, String mac) throws IOException, InterruptedException {
    var lasting = INTERVAL.multipliedBy(pings).plus(AROUND.multipliedBy(2));
    var flood = world.flood(segment.flooder(), mac, packet, lasting);
    // The pings of the first second are part of the flood's beginning.
    int before = (int) AROUND.dividedBy(INTERVAL);
    var out =
        segment
            .neighbor()
            .script(
                SOON,
                "ping -n -q -c \"$1\" -i \"$2\" -W 1 10.0.0.1 >/dev/null;"
                    + " ping -n -c \"$3\" -i \"$2\" -W 1 10.0.0.1",
                Integer.toString(before),
                Double.toString(INTERVAL.toMillis() / 1e3),
                Integer.toString(pings))
            .out();
    double[] micros = micros(out);
    long sent = Long.parseLong(lastWord(flood.await(SOON).orThrow().out()));
    var after =
        micros(segment.neighbor().script(SOON, "ping -n -c 1 -W 50 10.0.0.1").orThrow().out());
    return new Result(
        percentile(micros, 50),
        percentile(micros, 99),
        percentile(micros, 100),
        100.0 * (pings - micros.length) / pings,
        after[0] / 1e3,
        sent * 1e3 / lasting.toMillis());
  }

  /** The round trips that ping tells, the shortest first. */
  private static double[] micros(String out) {
    return TIME.matcher(out)
        .results()
        .mapToDouble(match -> Double.parseDouble(match.group(1)) * 1e3)
        .sorted()
        .toArray();
  }

  private static String lastWord(String text) {
    var words = Arrays.asList(text.strip().split("\\s+", -1));
    return words.getLast();
  }

  private static double percentile(double[] sorted, int percent) {
    return sorted.length == 0
        ? Double.NaN
        : sorted[Math.min(sorted.length - 1, sorted.length * percent / 100)];
  }
}
