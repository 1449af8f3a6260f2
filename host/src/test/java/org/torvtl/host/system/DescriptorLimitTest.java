/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class DescriptorLimitTest {
  /** The JVM raises the soft limit by itself, so nothing here does. */
  @Test
  void theSoftLimitIsTheHardOne() throws Exception {
    var limit = DescriptorLimit.current();
    var process = new ProcessBuilder("bash", "-c", "ulimit -Hn").start();
    var hard =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    assertThat(Long.toString(limit.most())).isEqualTo(hard);
  }

  @Test
  void countsWhatIsOpen() throws Exception {
    var before = DescriptorLimit.current();
    try (var one = new FileInputStream("/dev/null");
        var another = new FileInputStream("/dev/null")) {
      assertThat(DescriptorLimit.current().open()).isEqualTo(before.open() + 2);
      assertThat(one.getFD()).isNotEqualTo(another.getFD());
    }
    assertThat(before.left()).isEqualTo(before.most() - before.open());
  }

  @Test
  void readsWhatTheKernelWrites() throws Exception {
    assertThat(
            DescriptorLimit.soft(
                """
                Limit                     Soft Limit           Hard Limit           Units
                Max processes             63408                63408                processes
                Max open files            1024                 524288               files
                """))
        .isEqualTo(1024);
    assertThat(DescriptorLimit.soft("Max open files            unlimited  unlimited  files\n"))
        .isEqualTo(Long.MAX_VALUE);
  }
}
