/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.torvtl.host.net.NetworkNamespace;

/**
 * Says so once when the guest's network namespace is not there any more. The device tells nothing
 * then: its open file keeps the namespace, which no guest will ever enter again.
 */
final class NamespaceWatch {
  private static final long EVERY_MILLIS = 500;

  private NamespaceWatch() {}

  /**
   * Begins, and ends with the process.
   *
   * @param device that was opened there
   * @param tell gets the line
   */
  static void start(NetworkNamespace namespace, String device, Consumer<String> tell)
      throws IOException {
    BooleanSupplier isThere = namespace.presence();
    var timer =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("namespace-watch").factory());
    timer.scheduleWithFixedDelay(
        () -> {
          if (!isThere.getAsBoolean()) {
            tell.accept(text(namespace, device));
            timer.shutdown();
          }
        },
        EVERY_MILLIS,
        EVERY_MILLIS,
        TimeUnit.MILLISECONDS);
  }

  private static String text(NetworkNamespace namespace, String device) {
    return (namespace.isOfProcess()
                ? "torvtl: the process of network namespace %s has ended"
                : "torvtl: the network namespace %s is gone")
            .formatted(namespace.name())
        + "; the guest that comes after it is not served: end torvtl, and start it again for that"
        + " one (%s)".formatted(device);
  }
}
