/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * What the payload that a connection holds is charged to. The engine charges what it holds itself:
 * what arrived out of order, and what is queued to be sent. What it hands to {@link
 * ConnectionHandler#data} is the handler's to charge. All amounts are bytes by {@link
 * org.torvtl.wire.MemoryFootprint#of}.
 */
public interface PayloadAccount {
  /** Takes everything and counts nothing. */
  PayloadAccount UNLIMITED =
      new PayloadAccount() {
        @Override
        public boolean admits(int bytes) {
          return true;
        }

        @Override
        public boolean chargeOutOfOrder(int bytes) {
          return true;
        }

        @Override
        public void releaseOutOfOrder(int bytes) {}

        @Override
        public void charge(int bytes) {}

        @Override
        public void release(int bytes) {}

        @Override
        public void allocationFailed(OutOfMemoryError cause) {
          throw cause;
        }
      };

  /**
   * Whether the handler may be given a buffer that costs so much; if not, the segment is dropped,
   * and the peer sends it again. It may call {@link TcpConnection#dropOutOfOrder} to make room.
   */
  boolean admits(int bytes);

  /** Charges for payload that arrived out of order; {@code false} if it is to be dropped. */
  boolean chargeOutOfOrder(int bytes);

  /** Payload that arrived out of order is no longer held by the engine. */
  void releaseOutOfOrder(int bytes);

  /** Charges for what is queued to be sent. */
  void charge(int bytes);

  /** What was queued to be sent is released. */
  void release(int bytes);

  /** There was no memory to copy payload into; its segment is dropped. */
  void allocationFailed(OutOfMemoryError cause);
}
