/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.util.concurrent.Future;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.Answer;

/** One question, waiting for a place or under way, and those who wait for its answer. */
final class Lookup {
  final long owner;
  final DnsService.LookupKey key;

  /** In the order in which they came. */
  final ArrayDeque<Waiter> waiters = new ArrayDeque<>(2);

  long startedNanos;
  boolean isUnderWay;
  @Nullable Future<Answer> answer;

  /** Until it is given up; while it waits for a place, until its first query is too late. */
  @Nullable Future<?> timer;

  Lookup(long owner, DnsService.LookupKey key) {
    this.owner = owner;
    this.key = key;
  }
}
