/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** No frame crashes, hangs or stops the gateway. */
@OnTestbed
class HostileFramesTest {
  private static final int FRAMES = 10_000;
  private static final Duration DEADLINE = Duration.ofMinutes(1);
  private static final Duration SOON = Duration.ofSeconds(30);

  private final Testbed testbed;

  HostileFramesTest(Testbed testbed) {
    this.testbed = testbed;
  }

  @Test
  void tenThousandMalformedFramesLeaveTheGatewayServing() throws Exception {
    var guest = testbed.guest();
    var far = guest.resolve("web.lab.test");
    long seed = seed();
    System.out.println(
        "hostile frames: seed " + seed + " (repeat with -Dtorvtl.seed=" + seed + ")");

    long before = guest.framesTaken();
    var injector =
        guest.start(
            FrameInjector.command(Machine.PROJECT, guest.device(), seed, FRAMES, "10.0.0.2", far));
    assertThat(injector.await(DEADLINE).orThrow().line()).isEqualTo("sent " + FRAMES);
    Waiting.until(
        "the gateway to take all frames",
        SOON,
        () -> guest.framesTaken() - before >= FRAMES || !testbed.gateway().isRunning());

    assertThat(testbed.gateway().isRunning()).as("the gateway runs; seed %d", seed).isTrue();
    var fetched = guest.curl(SOON, "--fail", "http://web.lab.test/");
    assertThat(fetched.exitStatus()).as("seed %d: %s", seed, fetched).isZero();
    guest.run(SOON, "ping", "-n", "-c", "1", "-W", "5", "10.0.0.1").orThrow();
  }

  private static long seed() {
    long given = Long.getLong("torvtl.seed", 0);
    return given != 0 ? given : new SplittableRandom().nextLong(1, Integer.MAX_VALUE);
  }
}
