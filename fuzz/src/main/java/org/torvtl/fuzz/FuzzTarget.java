/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A fuzz target of the module whose tests run, in its folder. */
public final class FuzzTarget {
  private static final Path ARGUMENTS = Path.of("../scripts/jazzer.args");
  private static final int LIMIT_SECONDS = 600, MOST_CHANGES = 8;

  private final Class<?> target;
  private final Path corpus;

  private FuzzTarget(Class<?> target) {
    this.target = target;
    this.corpus = Path.of("src/test/fuzz", target.getSimpleName());
  }

  /**
   * Fails unless the target holds: with the inputs of its corpus, then with so many that were drawn
   * from the corpus and changed.
   */
  public static void assertHolds(Class<?> target, int changedInputs) throws Exception {
    var method = target.getMethod("fuzzerTestOneInput", byte[].class);
    var corpus = new FuzzTarget(target).inputs();
    for (var input : corpus) {
      assertThat(input).satisfies(bytes -> method.invoke(null, (Object) bytes.clone()));
    }
    Draws.repeat(changedInputs, draws -> method.invoke(null, (Object) changed(corpus, draws)));
  }

  /** Fails if Jazzer finds an input in so many seconds with which the target does not hold. */
  public static void assertHoldsWhenFuzzed(Class<?> target, int seconds) throws Exception {
    new FuzzTarget(target).fuzz(seconds);
  }

  private List<byte[]> inputs() throws IOException {
    var inputs = new ArrayList<byte[]>();
    try (var files = Files.list(corpus)) {
      for (var file : files.sorted().toList()) {
        inputs.add(Files.readAllBytes(file));
      }
    }
    assertThat(inputs).isNotEmpty();
    return inputs;
  }

  /** One of the inputs with another's end, a few other bytes, or both. */
  private static byte[] changed(List<byte[]> corpus, Draws draws) {
    var input = corpus.get(draws.integer(0, corpus.size() - 1));
    if (draws.bool()) {
      var other = corpus.get(draws.integer(0, corpus.size() - 1));
      int kept = draws.integer(0, input.length), from = draws.integer(0, other.length);
      var spliced = Arrays.copyOf(input, kept + other.length - from);
      System.arraycopy(other, from, spliced, kept, other.length - from);
      input = spliced;
    } else {
      input = input.clone();
    }
    for (int i = draws.integer(0, MOST_CHANGES); i > 0 && input.length > 0; i--) {
      input[draws.integer(0, input.length - 1)] = (byte) draws.integer();
    }
    return input;
  }

  private void fuzz(int seconds) throws IOException, InterruptedException {
    var work = Files.createDirectories(Path.of("target/fuzz", target.getSimpleName()));
    var log = work.resolve("test.log");
    var process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "@" + ARGUMENTS,
                "--target_class=" + target.getName(),
                "--reproducer_path=" + work,
                "-artifact_prefix=" + work + "/",
                "-max_total_time=" + seconds,
                Files.createDirectories(work.resolve("corpus")).toString(),
                corpus.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
    process.destroyForcibly();
    var said = Files.readString(log);
    assertThat(ended).as(said).isTrue();
    assertThat(process.exitValue())
        .as("%s\nreplay with: scripts/fuzz replay %s FILE", said, target.getSimpleName())
        .isZero();
    assertThat(said).contains("Done ");
  }
}
