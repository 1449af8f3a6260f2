/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProcessIdentityTest {
  @Test
  void survivesBeingWritten() {
    var me = ProcessIdentity.current();
    assertThat(ProcessIdentity.parse(me.toString())).isEqualTo(me);
    assertThat(me.pid()).isEqualTo(ProcessHandle.current().pid());
    assertThat(me.isAlive()).isTrue();
    assertThatThrownBy(() -> ProcessIdentity.parse("12"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void isNotAnotherProcessWithTheSameId() throws IOException, InterruptedException {
    var me = ProcessIdentity.current();
    var before = new ProcessIdentity(me.pid(), me.startTicks() - 1);
    assertThat(before.isAlive()).isFalse();
    // Would end this test run if it were taken for the same.
    before.end(Duration.ofSeconds(1));
  }

  @Test
  void endsAProcessThatDoesNotListen() throws IOException, InterruptedException {
    var stubborn =
        new ProcessBuilder("sh", "-c", "trap '' TERM; echo on; while :; do read x; done").start();
    try (var output = stubborn.inputReader()) {
      assertThat(output.readLine()).isEqualTo("on");
      var identity = ProcessIdentity.of(stubborn.pid()).orElseThrow();
      identity.end(Duration.ofMillis(200));
      assertThat(identity.isAlive()).isFalse();
      assertThat(stubborn.waitFor()).isEqualTo(128 + 9);
    } finally {
      stubborn.destroyForcibly();
    }
  }

  @Test
  void doesNotTakeTheDeadForAlive() throws IOException, InterruptedException {
    var child = new ProcessBuilder("cat").start();
    var identity = ProcessIdentity.of(child.pid()).orElseThrow();
    assertThat(identity.isAlive()).isTrue();
    child.destroy();
    child.waitFor();
    assertThat(identity.isAlive()).isFalse();
  }
}
