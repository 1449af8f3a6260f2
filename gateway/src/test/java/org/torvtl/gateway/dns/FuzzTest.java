/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every fuzz target: with the inputs of its corpus, then for a moment with new ones. For longer
 * there is {@code make fuzz}.
 */
class FuzzTest {
  private static final int SECONDS = 2;
  private static final int LIMIT_SECONDS = 600;

  @ParameterizedTest
  @ValueSource(classes = DnsQueryFuzz.class)
  void holds(Class<?> target) throws Exception {
    var corpus = Path.of("src/test/fuzz", target.getSimpleName());
    replay(target, corpus);
    fuzz(target, corpus);
  }

  private static void replay(Class<?> target, Path corpus) throws Exception {
    var method = target.getMethod("fuzzerTestOneInput", byte[].class);
    try (var files = Files.list(corpus)) {
      var inputs = files.toList();
      assertThat(inputs).isNotEmpty();
      for (var input : inputs) {
        assertThat(input).satisfies(path -> method.invoke(null, (Object) Files.readAllBytes(path)));
      }
    }
  }

  private static void fuzz(Class<?> target, Path corpus) throws IOException, InterruptedException {
    var work = Files.createDirectories(Path.of("target/fuzz", target.getSimpleName()));
    var log = work.resolve("test.log");
    var process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx512m",
                    "-XX:+EnableDynamicAgentLoading",
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-cp",
                    System.getProperty("java.class.path"),
                    "com.code_intelligence.jazzer.Jazzer",
                    "--target_class=" + target.getName(),
                    "--instrumentation_includes=org.torvtl.**:org.xbill.**",
                    "--disabled_hooks=com.code_intelligence.jazzer.sanitizers.UnsafeSanitizer",
                    "--reproducer_path=" + work,
                    "-artifact_prefix=" + work + "/",
                    "-max_total_time=" + SECONDS,
                    Files.createDirectories(work.resolve("corpus")).toString(),
                    corpus.toString()))
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
