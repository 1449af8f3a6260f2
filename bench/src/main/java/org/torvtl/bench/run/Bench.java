/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs the benchmarks and reports; scripts/bench starts it. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Measures TorVTL from end to end. It passes or fails nothing.")
public final class Bench implements Callable<Integer> {
  @Option(names = "--rounds", defaultValue = "5", description = "How often.")
  private int rounds;

  @Option(
      names = "--warm-up",
      defaultValue = "4",
      description = "Seconds for each kind of load on each side, before the first round.")
  private double warmUp;

  @Option(
      names = "--seconds",
      defaultValue = "1",
      description = "How long each figure is measured on each side in a round.")
  private double seconds;

  @Option(names = "--held", defaultValue = "10000", description = "Connections to hold.")
  private int held;

  @Option(names = "--megabytes", defaultValue = "50", description = "To download through Tor.")
  private int megabytes;

  @Option(
      names = "--rows",
      split = ",",
      defaultValue = "startup,stream,exchange,memory,held,neighbor,tor,parts",
      description = "What to measure, of: ${DEFAULT-VALUE}")
  private Set<String> rows = Set.of();

  @Option(
      names = "--parts",
      paramLabel = "REGEX",
      defaultValue = "Benchmark",
      description = "Which micro-benchmarks, by class or method: ${DEFAULT-VALUE}")
  private String parts = "Benchmark";

  @Option(names = "--to", defaultValue = "target/bench", description = "Folder for the report.")
  private Path folder = Path.of("target/bench");

  @Option(
      names = "--refresh",
      paramLabel = "FILE",
      description = "A document that has a place for the tables.")
  private @Nullable Path document;

  @Option(names = "--command", description = "The command line as the user gave it.")
  private @Nullable String command;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private Bench() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Bench()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    var plan =
        new Plan((int) (warmUp * 1000), rounds, (int) (seconds * 1000), held, megabytes, rows);
    var figures = new Figures();
    if (!plan.rows().equals(Set.of("parts"))) {
      try (var run = new Comparison(plan, figures, this::say)) {
        run.run();
      }
    }
    var scores = plan.has("parts") ? Parts.measure(parts, this::say) : List.<Parts.Score>of();
    var report =
        new Report(
            figures, scores, Computer.describe(), command == null ? "make bench" : command, plan);
    var file = report.write(folder);
    System.out.printf("%s%nwritten to %s%n", report.markdown(), file);
    if (document != null) {
      report.refresh(document);
      System.out.printf("refreshed %s%n", document);
    }
    return 0;
  }

  private void say(String line) {
    System.out.println(line);
  }
}
