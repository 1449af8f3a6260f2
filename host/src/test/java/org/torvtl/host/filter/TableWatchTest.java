/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.host.user.Privileges;

/** It only listens here: no table is made. On a real one, e2e's TunRouteLeakTest. */
@Timeout(60)
class TableWatchTest {
  /** The table is put there again, whatever the last attempt ended with. */
  @Test
  void noFailureEndsIt() throws Exception {
    assumeTrue(Privileges.isRoot(), "to listen takes CAP_NET_ADMIN");
    var attempts = new AtomicInteger();
    var done = new CountDownLatch(1);
    try (var watch =
        TableWatch.open(
            "torvtl_test",
            "a table of a test",
            RandomGenerator.getDefault(),
            marker -> {
              switch (attempts.getAndIncrement()) {
                case 0 -> throw new IOException("a failure that is expected");
                case 1 -> throw new IllegalStateException("one that is not");
                case 2 -> throw new OutOfMemoryError("an error");
                default -> done.countDown();
              }
            })) {
      watch.start();
      assertThat(done.await(30, SECONDS)).isTrue();
    }
  }
}
