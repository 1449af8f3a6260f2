/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What it was measured on.
 *
 * @param processor as it names itself
 * @param cores that this JVM may use
 * @param kernel its release
 * @param jdk which also ran the gateway
 */
record Computer(String processor, int cores, String kernel, String jdk) {
  static Computer describe() throws IOException {
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      var processor =
          lines
              .filter(line -> line.startsWith("model name"))
              .map(line -> line.substring(line.indexOf(':') + 1).strip())
              .findFirst()
              .orElse(System.getProperty("os.arch"));
      return new Computer(
          processor,
          Runtime.getRuntime().availableProcessors(),
          System.getProperty("os.version"),
          "%s %s".formatted(System.getProperty("java.vendor"), Runtime.version()));
    }
  }
}
