/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;

/** Counts of {@link DnsEvent}s. Written by any number of event loops, read by any thread. */
public final class DnsCounters {
  private final Map<DnsEvent, LongAdder> counts = new EnumMap<>(DnsEvent.class);

  /** All at 0. */
  public DnsCounters() {
    for (var event : DnsEvent.values()) {
      counts.put(event, new LongAdder());
    }
  }

  /** How often it happened. */
  public long count(DnsEvent event) {
    return counter(event).sum();
  }

  void add(DnsEvent event) {
    counter(event).increment();
  }

  private LongAdder counter(DnsEvent event) {
    return Objects.requireNonNull(counts.get(event));
  }
}
