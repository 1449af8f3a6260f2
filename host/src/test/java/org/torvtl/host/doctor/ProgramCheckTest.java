/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProgramCheckTest {
  @Test
  void theFirstLineIsTheVersion() throws Exception {
    assertThat(ProgramCheck.of("sh", "-c", "echo 'tor 0.4'; echo more"))
        .isEqualTo(new ProgramCheck.Runs("tor 0.4"));
  }

  @Test
  void whatIsNotThereFails() throws Exception {
    assertThat(ProgramCheck.of("/no/such/program", "--version"))
        .isInstanceOfSatisfying(
            ProgramCheck.Fails.class,
            fails -> assertThat(fails.reason()).startsWith("cannot run /no/such/program: "));
  }

  @Test
  void whatEndsWithAFailureTellsWhy() throws Exception {
    assertThat(ProgramCheck.of("sh", "-c", "echo broken >&2; exit 3"))
        .isInstanceOfSatisfying(
            ProgramCheck.Fails.class, fails -> assertThat(fails.reason()).endsWith(": broken"));
  }
}
