/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One question under way, and those who wait for its answer. */
final class Lookup {
  final long owner;
  final DnsService.LookupKey key;
  final List<DnsService.Waiter> waiters = new ArrayList<>(1);
  long startedNanos;
  @Nullable Future<?> answer;
  @Nullable Future<?> timer;

  /** It is not believed at first that a name is unknown. */
  boolean doubted;

  Lookup(long owner, DnsService.LookupKey key) {
    this.owner = owner;
    this.key = key;
  }
}
