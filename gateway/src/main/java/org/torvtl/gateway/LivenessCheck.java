/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Asks whether the egress is there on behalf of many streams at once. An answer counts only for
 * those that asked before the question was put: one more question at most is waiting.
 */
final class LivenessCheck {
  private final EventLoop loop;
  private final Egress egress;
  private List<Consumer<Boolean>> waiting = new ArrayList<>();
  private boolean asking;

  LivenessCheck(EventLoop loop, Egress egress) {
    this.loop = loop;
    this.egress = egress;
  }

  /** Tells {@code answer}, later and on the loop, whether the egress is there from now on. */
  void ask(Consumer<Boolean> answer) {
    waiting.add(answer);
    if (!asking) {
      put();
    }
  }

  private void put() {
    asking = true;
    var asked = waiting;
    waiting = new ArrayList<>();
    egress
        .isAlive(loop)
        .addListener((Future<Boolean> alive) -> {
          boolean there = alive.isSuccess() && alive.getNow();
          asked.forEach(answer -> answer.accept(there));
          asking = false;
          if (!waiting.isEmpty()) {
            put();
          }
        });
  }
}
