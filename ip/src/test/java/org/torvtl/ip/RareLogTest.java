/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RareLogTest {
  private final List<String> lines = new ArrayList<>();
  private final RareLog log = new RareLog(100, lines::add);

  private void say(String line, long nowNanos) {
    if (log.admits(nowNanos)) {
      log.write(line);
    }
  }

  @Test
  void tellsHowManyWereLeftOut() {
    say("one", -50);
    say("two", -50);
    say("three", 49);
    say("four", 50);
    say("five", 149);
    say("six", 1000);
    say("seven", 5000);
    assertThat(lines)
        .containsExactly(
            "one", "four (and 2 like it before)", "six (and 1 like it before)", "seven");
  }
}
