/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** What a computer must have for these tests. */
final class Prerequisites {
  private static final List<String> COMMANDS =
      List.of(
          "tor",
          "ip",
          "ss",
          "curl",
          "dig",
          "ping",
          "arping",
          "tcpdump",
          "nc",
          "nft",
          "ps",
          "traceroute",
          "ifconfig",
          "nsenter",
          "unshare",
          "setsid",
          "setpriv",
          "sysctl",
          "cpio",
          "make");
  private static final List<String> FOLDERS = List.of("/usr/sbin", "/sbin");

  private Prerequisites() {}

  /** Throws, with one line that names all that is missing. */
  static void require() throws IOException {
    var missing = new ArrayList<String>();
    if (!Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0)) {
      missing.add("root");
    }
    if (!Files.exists(Path.of("/dev/net/tun"))) {
      missing.add("/dev/net/tun");
    }
    COMMANDS.stream().filter(command -> !isOnPath(command)).forEach(missing::add);
    if (!missing.isEmpty()) {
      throw new IllegalStateException(
          "end-to-end tests cannot run, missing: %s (run make setup and then the tests as root)"
              .formatted(String.join(", ", missing)));
    }
  }

  private static boolean isOnPath(String command) {
    var path = new ArrayList<>(FOLDERS);
    path.addAll(
        List.of(
            Pattern.compile(File.pathSeparator).split(System.getenv().getOrDefault("PATH", ""))));
    return path.stream().anyMatch(folder -> Files.isExecutable(Path.of(folder, command)));
  }
}
