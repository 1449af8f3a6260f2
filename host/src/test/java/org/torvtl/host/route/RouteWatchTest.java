/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.host.net.NetworkInterface;

/** On the loopback interface, which nothing changes. On a real TUN: e2e's TunRouteLeakTest. */
@Timeout(60)
class RouteWatchTest {
  private final AtomicInteger looks = new AtomicInteger();
  private final CountDownLatch done = new CountDownLatch(1);

  private RouteWatch watch(RouteWatch.Restorer restorer) throws IOException {
    return RouteWatch.open(new NetworkInterface("lo"), 2_000_000_000, 116, restorer);
  }

  /** What went before the watch began is found without a message. */
  @Test
  void itBeginsWithALook() throws Exception {
    try (var watch =
        watch(() -> {
          done.countDown();
          return false;
        })) {
      watch.start();
      assertThat(done.await(30, SECONDS)).isTrue();
    }
  }

  /** It looks again, whatever a look ends with. */
  @Test
  void noFailureEndsIt() throws Exception {
    try (var watch =
        watch(() -> {
          switch (looks.getAndIncrement()) {
            case 0 -> throw new IOException("a failure that is expected");
            case 1 -> throw new IllegalStateException("one that is not");
            case 2 -> throw new OutOfMemoryError("an error");
            default -> {
              done.countDown();
              return false;
            }
          }
        })) {
      watch.start();
      assertThat(done.await(30, SECONDS)).isTrue();
    }
  }
}
