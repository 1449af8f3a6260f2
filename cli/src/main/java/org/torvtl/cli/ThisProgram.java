/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How to run another process of this program. */
final class ThisProgram {
  /** As ./torvtl has them, for a process that does little. */
  private static final List<String> JVM_OPTIONS =
      List.of(
          "--enable-native-access=ALL-UNNAMED",
          "--sun-misc-unsafe-memory-access=allow",
          "-Dio.netty.noUnsafe=false",
          "-Xms8m",
          "-Xmx64m",
          "-XX:MaxDirectMemorySize=64m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-XX:+ExitOnOutOfMemoryError",
          "-XX:-UsePerfData");

  private ThisProgram() {}

  /** The command that runs this same program, by the same Java, with arguments. */
  static List<String> command(String... arguments) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(JVM_OPTIONS);
    command.add("-Djava.library.path=" + System.getProperty("java.library.path"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Torvtl.class.getName()));
    command.addAll(List.of(arguments));
    return command;
  }
}
