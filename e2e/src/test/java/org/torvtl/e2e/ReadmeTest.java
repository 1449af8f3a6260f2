/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The README's instructions for a guest made by hand, word for word. */
class ReadmeTest {
  private static final Duration DEADLINE = Duration.ofSeconds(90);
  private static final String SECTION = "## By hand, on a Tor network of your own";
  private static final Pattern BLOCK = Pattern.compile("(?s)```console\\n(.*?)```");

  @Test
  void aGuestMadeByHandIsBehindTor() throws Exception {
    var output = new StringBuilder();
    try (var machine = Machine.boot()) {
      var before = machine.traces();
      Gateway gateway = null;
      for (var block : blocks()) {
        if (block.startsWith("./torvtl run -d tap0 ")) {
          var arguments = List.of(block.strip().split(" ")).subList(4, block.split(" ").length);
          gateway = Gateway.start(machine, "tap0", arguments.toArray(String[]::new));
        } else {
          if (gateway != null && block.startsWith("ip netns delete")) {
            assertThat(gateway.stop(Signal.INT).exitStatus()).isEqualTo(130);
          }
          output.append(inProject(machine, block).orThrow().out());
        }
      }
      assertThat(gateway).isNotNull();
      assertThat(machine.traces()).isEqualTo(before);
    }
    assertThat(output)
        .contains("You came from 198.18.")
        .contains("64 bytes from 10.0.0.1")
        .contains("64 bytes from 127.0.0.1")
        .contains("is down");
  }

  private static CommandResult inProject(Machine machine, String block) throws Exception {
    var project = Machine.torvtl().getFirst().replaceFirst("/torvtl$", "");
    return machine.start(List.of("bash", "-euc", "cd \"$0\"\n" + block, project)).await(DEADLINE);
  }

  private static List<String> blocks() throws Exception {
    var readme = Files.readString(Path.of(System.getProperty("torvtl.root", "."), "README.md"));
    int from = readme.indexOf(SECTION);
    assertThat(from).isPositive();
    var matcher = BLOCK.matcher(readme.substring(from, readme.indexOf("\n## ", from + 1)));
    var blocks = new ArrayList<String>();
    while (matcher.find()) {
      blocks.add(matcher.group(1));
    }
    assertThat(blocks).hasSizeGreaterThanOrEqualTo(5);
    return blocks;
  }
}
