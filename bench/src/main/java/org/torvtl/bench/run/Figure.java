/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import org.torvtl.bench.load.Workload;
import org.torvtl.e2e.WorstPacket;

/**
 * Something that is measured.
 *
 * @param row the row of the benchmark it belongs to, by which rows are chosen
 * @param title what it is
 * @param unit of its values
 * @param decimals that mean something
 */
public record Figure(String row, String title, String unit, int decimals) {
  static final Figure STARTUP = new Figure("startup", "`torvtl run` to ready", "ms", 0);
  static final Figure IDLE = new Figure("held", "resident memory, idle", "MiB", 1);
  static final Figure LOADED = new Figure("memory", "resident memory, most under load", "MiB", 1);
  static final Figure TOR_RATE =
      new Figure("tor", "download through a private Tor network", "MB/s", 1);
  static final Figure TOR_FIRST_BYTE = new Figure("tor", "time to first byte through it", "ms", 1);

  static Figure rate(Workload.Direction direction, int streams) {
    return new Figure("stream", streams(direction, streams), "Gbit/s", 2);
  }

  static Figure cpu(Workload.Direction direction, int streams) {
    return new Figure("stream", "CPU, " + streams(direction, streams), "s/GiB", 2);
  }

  private static String streams(Workload.Direction direction, int streams) {
    return (streams == 1 ? "1 stream " : streams + " streams ")
        + switch (direction) {
          case UP -> "up";
          case DOWN -> "down";
        };
  }

  static Figure exchanges(int inFlight) {
    return new Figure("exchange", "exchanges, %d in flight".formatted(inFlight), "1/s", 0);
  }

  static Figure latency(int inFlight, int percentile) {
    return new Figure(
        "exchange", "exchange, %d in flight, p%d".formatted(inFlight, percentile), "µs", 0);
  }

  static Figure opened(int connections) {
    return new Figure("held", "%,d connections: open".formatted(connections), "", 0);
  }

  static Figure opening(int connections) {
    return new Figure("held", "%,d connections: opened in".formatted(connections), "s", 2);
  }

  static Figure answered(int connections) {
    return new Figure("held", "%,d connections: answer".formatted(connections), "", 0);
  }

  static Figure resident(int connections) {
    return new Figure("held", "%,d connections: resident memory".formatted(connections), "MiB", 1);
  }

  static Figure each(int connections) {
    return new Figure("held", "%,d connections: each beyond idle".formatted(connections), "KiB", 1);
  }

  /**
   * A ping's round trip while the packets are sent.
   *
   * @param percentile 100 for the longest
   */
  static Figure neighbor(WorstPacket packet, int percentile) {
    var which = percentile == 100 ? "max" : "p" + percentile;
    return new Figure(
        "neighbor", "ping beside a flood of %s, %s".formatted(packet.title(), which), "µs", 0);
  }

  /** The same of packets that the gateway gets none of. */
  static Figure elsewhere(WorstPacket packet) {
    return new Figure(
        "neighbor", "ping beside a flood to nobody of %s, p99".formatted(packet.title()), "µs", 0);
  }

  static Figure neighborLost(WorstPacket packet) {
    return new Figure("neighbor", "ping beside %s, lost".formatted(packet.title()), "%", 1);
  }

  static Figure neighborAfter(WorstPacket packet) {
    return new Figure("neighbor", "ping after %s".formatted(packet.title()), "ms", 2);
  }

  static Figure flood(WorstPacket packet) {
    return new Figure("neighbor", "frames of the flood of %s".formatted(packet.title()), "1/s", 0);
  }

  /** A value with its decimals, without the unit. */
  String text(double value) {
    return ("%,." + decimals + "f").formatted(value);
  }
}
