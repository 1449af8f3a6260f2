/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress.socket;

/**
 * How long ago the peer of a Unix domain socket last took bytes. The kernel only tells how much the
 * peer has not read yet, so it is the time of the last write, or of the last look that found
 * another amount than the one before. TCP keeps the time itself.
 */
final class SendProgress {
  private long tookNanos;
  private int unread;

  /** Nothing was written before that time. */
  SendProgress(long nowNanos) {
    tookNanos = nowNanos;
  }

  /** The socket took bytes. */
  void written(long nowNanos) {
    tookNanos = nowNanos;
  }

  /** For a socket with bytes that its peer has not read. */
  long nanosSinceTook(int unreadBytes, long nowNanos) {
    if (unreadBytes != unread) {
      unread = unreadBytes;
      tookNanos = nowNanos;
    }
    return nowNanos - tookNanos;
  }
}
