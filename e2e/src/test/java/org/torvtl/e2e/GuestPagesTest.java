/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What docs/guests has people make is what {@code doctor} finds no problem with. */
class GuestPagesTest {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final String SETTINGS = "/proc/sys/net/bridge/bridge-nf-call-";

  /** The page's first block, up to torvtl; on a host where Docker has switched br_netfilter on. */
  @ParameterizedTest
  @CsvSource({"qemu-libvirt.md, virbr1", "xen.md, xenbr1"})
  void aBridgeMadeByThePageIsNoProblem(String page, String bridge) throws Exception {
    try (var machine = Machine.boot()) {
      machine.script(
          "for family in ip ip6; do [ ! -e $1${family}tables ] || echo 1 >$1${family}tables; done",
          SETTINGS);
      machine
          .start(
              List.of(
                  "bash",
                  "-euc",
                  block(page).replace("torvtl tap", "\"$0\" tap"),
                  Machine.torvtl().getFirst()))
          .await(DEADLINE)
          .orThrow();
      var doctor = machine.start(Machine.torvtl("doctor", "-d", bridge)).await(DEADLINE);
      assertThat(doctor.exitStatus()).as("%s", doctor).isZero();
    }
  }

  private static String block(String page) throws Exception {
    var text =
        Files.readString(
            Path.of(System.getProperty("torvtl.root", "."), "docs", "guests").resolve(page));
    var lines =
        text.lines()
            .dropWhile(line -> !line.startsWith("    "))
            .takeWhile(line -> line.startsWith("    ") && !line.matches(" +torvtl (doctor|run).*"))
            .toList();
    assertThat(lines).hasSizeGreaterThan(3);
    return String.join("\n", lines);
  }
}
