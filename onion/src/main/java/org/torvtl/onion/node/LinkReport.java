/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import org.torvtl.link.Link;

/** What a device has done, in words for a log. */
final class LinkReport {
  private LinkReport() {}

  static String of(Link link) {
    var counters = link.counters();
    return "%s: took %d packets from it, gave it %d, which it did not take %d of; too long %d"
        .formatted(
            link.name(),
            counters.receivedFrames,
            counters.sentFrames + counters.sendDrops,
            counters.sendDrops,
            counters.oversizedDrops);
  }
}
