/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.EventLoop;
import java.util.LinkedHashSet;
import java.util.SequencedSet;

/**
 * Flows that do not read their stream, since their guest holds as much memory as it may. When
 * memory was released each of them is asked to go on, a few in each turn of the loop: one whose
 * guest still holds too much comes back.
 */
final class PausedFlows {
  private static final int PER_TURN = 64;

  private final EventLoop loop;
  private final SequencedSet<Flow> flows = new LinkedHashSet<>();
  private boolean scheduled;

  /** Flows that are yet to be asked. */
  private int left;

  PausedFlows(EventLoop loop) {
    this.loop = loop;
  }

  void add(Flow flow) {
    flows.add(flow);
  }

  void remove(Flow flow) {
    flows.remove(flow);
  }

  /** Some may go on. */
  void memoryWasReleased() {
    if (!flows.isEmpty()) {
      left = flows.size();
      schedule();
    }
  }

  private void schedule() {
    if (!scheduled) {
      scheduled = true;
      loop.execute(this::turn);
    }
  }

  private void turn() {
    scheduled = false;
    for (int i = 0; i < PER_TURN && left > 0 && !flows.isEmpty(); i++) {
      left--;
      flows.removeFirst().resume();
    }
    if (left > 0 && !flows.isEmpty()) {
      schedule();
    }
  }
}
