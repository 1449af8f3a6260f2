/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FlowTableTest {
  private static final int CAPACITY = 1024;
  private static final long TIMEOUT = 1_000_000;

  /** Which flow has a number. */
  private final Map<Integer, FlowKey> held = new HashMap<>();

  private final Deque<Integer> free =
      IntStream.range(0, CAPACITY).boxed().collect(Collectors.toCollection(ArrayDeque::new));

  private final FlowTable table =
      new FlowTable(
          new FlowTable.Numbers() {
            @Override
            public int take() {
              return free.removeFirst();
            }

            @Override
            public void release(int number) {
              held.remove(number);
              free.addLast(number);
            }
          },
          FlowKey::source,
          CAPACITY,
          TIMEOUT);

  private long now;

  private void send(int user, int port, int remotePort) {
    var flow = new FlowKey(17, user, port, 1, remotePort);
    held.put(table.number(flow, now++), flow);
  }

  private Map<Integer, Long> flowsByUser() {
    return held.values().stream()
        .collect(Collectors.groupingBy(FlowKey::source, Collectors.counting()));
  }

  @Test
  void usersWhoWantAllGetEqualParts() {
    var random = new Random(9);
    for (int i = 0; i < 50_000; i++) {
      // Two of the four send a lot more than the others.
      int user = random.nextInt(10) < 8 ? random.nextInt(2) : random.nextInt(4);
      send(user, random.nextInt(0x10000), 53);
    }
    assertThat(flowsByUser()).isEqualTo(Map.of(0, 256L, 1, 256L, 2, 256L, 3, 256L));
    assertThat(table.size()).isEqualTo(CAPACITY);
    assertThat(table.evictions()).isPositive();
  }

  @Test
  void whatAUserDoesNotUseIsForTheOthers() {
    for (int i = 0; i < 5_000; i++) {
      send(1, i, 53);
      if (i % 500 == 0) {
        send(2, i, 53);
      }
    }
    assertThat(flowsByUser()).isEqualTo(Map.of(1, CAPACITY - 10L, 2, 10L));
  }

  /** Of the one who has the most it is the one that was silent for longest. */
  @Test
  void theOldestIdleGivesWay() {
    for (int i = 0; i < CAPACITY; i++) {
      send(1, i, 53);
    }
    send(1, 0, 53);
    send(2, 7, 53);
    assertThat(held.values()).contains(new FlowKey(17, 1, 0, 1, 53), new FlowKey(17, 2, 7, 1, 53));
    assertThat(held.values()).doesNotContain(new FlowKey(17, 1, 1, 1, 53)).hasSize(CAPACITY);
  }

  @Test
  void whatExpiredIsNobodysShare() {
    for (int i = 0; i < CAPACITY; i++) {
      send(1, i, 53);
    }
    now += TIMEOUT;
    for (int i = 0; i < CAPACITY; i++) {
      send(i, 7, 53);
    }
    assertThat(held).hasSize(CAPACITY);
    assertThat(table.evictions()).isZero();
    send(5, 8, 53);
    assertThat(held.values()).doesNotContain(new FlowKey(17, 5, 7, 1, 53));
  }
}
