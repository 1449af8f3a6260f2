/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import org.torvtl.tcp.TcpConnection;
import org.torvtl.wire.TcpSegment;

/**
 * How far a segment carries a connection forward, by its own claim; see {@link
 * TcpConnection#advance}. After one that claimed to and did not, the next is not believed.
 */
final class ClaimedProgress {
  private final TcpConnection tcp;
  private boolean isClaimed;
  private boolean hasFailed;
  private long before;

  ClaimedProgress(TcpConnection tcp) {
    this.tcp = tcp;
  }

  /** The claim of a segment that has not been taken, in bytes. */
  long of(TcpSegment segment) {
    return hasFailed ? 0 : tcp.advance(segment);
  }

  /** A segment is about to be taken. */
  void begin(TcpSegment segment) {
    isClaimed = tcp.advance(segment) > 0;
    before = tcp.progress();
  }

  /** It was taken. */
  void end() {
    hasFailed = isClaimed ? tcp.progress() == before : hasFailed;
  }
}
