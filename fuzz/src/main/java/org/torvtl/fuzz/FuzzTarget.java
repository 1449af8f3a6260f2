/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A fuzz target of the module whose tests run, in its folder. */
public final class FuzzTarget {
  private static final Path ARGUMENTS = Path.of("../scripts/jazzer.args");
  private static final int LIMIT_SECONDS = 600;

  private final Class<?> target;
  private final Path corpus;

  private FuzzTarget(Class<?> target) {
    this.target = target;
    this.corpus = Path.of("src/test/fuzz", target.getSimpleName());
  }

  /**
   * Fails unless the target holds: with the inputs of its corpus, then for so many seconds with new
   * ones.
   */
  public static void assertHolds(Class<?> target, int seconds) throws Exception {
    var fuzzTarget = new FuzzTarget(target);
    fuzzTarget.replay();
    fuzzTarget.fuzz(seconds);
  }

  private void replay() throws Exception {
    var method = target.getMethod("fuzzerTestOneInput", byte[].class);
    try (var files = Files.list(corpus)) {
      var inputs = files.toList();
      assertThat(inputs).isNotEmpty();
      for (var input : inputs) {
        assertThat(input).satisfies(path -> method.invoke(null, (Object) Files.readAllBytes(path)));
      }
    }
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
