/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * The micro-benchmarks, each in a JVM of its own, with the options the gateway's has. What each
 * allocates is only said, not reported: bytes of an operation, as JMH's gc profiler has them.
 */
final class Parts {
  private static final String ALLOCATED = "gc.alloc.rate.norm";
  private static final TimeValue EACH = TimeValue.milliseconds(500);

  /** What one of them came to. */
  record Score(String title, double value, String unit) {}

  private Parts() {}

  /**
   * Measures some of them.
   *
   * @param pattern a regular expression found in their classes' and methods' names
   */
  static List<Score> measure(String pattern, Consumer<String> progress) {
    progress.accept("the parts");
    var options =
        new OptionsBuilder()
            .include("^org\\.torvtl\\..*(" + pattern + ").*")
            .addProfiler(GCProfiler.class)
            .forks(1)
            .warmupIterations(2)
            .warmupTime(EACH)
            .measurementIterations(3)
            .measurementTime(EACH)
            .verbosity(VerboseMode.SILENT)
            .jvmArgs(
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-Dio.netty.noUnsafe=false",
                "-Dio.netty.allocator.type=pooled",
                // JMH's threads are none of Netty's.
                "-Dio.netty.allocator.useCacheForAllThreads=true",
                "-Xmx256m",
                "-XX:+UseSerialGC")
            .build();
    try {
      var results = new Runner(options).run();
      for (var result : results) {
        var score = score(result);
        var allocated = result.getSecondaryResults().get(ALLOCATED);
        progress.accept(
            "  %-60s %,.1f %s, %,.0f B/op"
                .formatted(
                    score.title(),
                    score.value(),
                    score.unit(),
                    allocated == null ? Double.NaN : allocated.getScore()));
      }
      return results.stream().map(Parts::score).toList();
    } catch (RunnerException e) {
      throw new IllegalStateException("the micro-benchmarks could not run", e);
    }
  }

  private static Score score(RunResult result) {
    var parameters = result.getParams();
    var names = parameters.getParamsKeys();
    var title =
        parameters.getBenchmark().replaceFirst("^org\\.torvtl\\.(bench\\.)?[a-z]+\\.", "")
            + (names.isEmpty() ? "" : ", ")
            + names.stream()
                .map(name -> name + " " + parameters.getParam(name))
                .collect(Collectors.joining(", "));
    var primary = result.getPrimaryResult();
    return new Score(title, primary.getScore(), primary.getScoreUnit());
  }
}
