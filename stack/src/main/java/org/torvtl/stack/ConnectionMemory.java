/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import org.torvtl.tcp.PayloadAccount;
import org.torvtl.wire.MemoryFootprint;

/**
 * What one connection holds, as part of what its guest may. Who takes over a buffer that the
 * connection has delivered charges for it, and releases it again, even after the connection's end.
 * All amounts are bytes by {@link MemoryFootprint#of}.
 */
public final class ConnectionMemory implements PayloadAccount {
  private final GuestMemory guest;
  private final GuestConnection connection;
  private long heldBytes;
  private long outOfOrderBytes;

  ConnectionMemory(GuestMemory guest, GuestConnection connection) {
    this.guest = guest;
    this.connection = connection;
    guest.add(this);
  }

  /** Bytes it holds, of all kinds. */
  public long heldBytes() {
    return heldBytes;
  }

  long outOfOrderBytes() {
    return outOfOrderBytes;
  }

  GuestConnection connection() {
    return connection;
  }

  @Override
  public boolean admits(int bytes) {
    return guest.admits(bytes);
  }

  /** Whether more may be read from the stream for the guest. */
  public boolean admitsReading() {
    return guest.admits(0);
  }

  /** Whether a buffer that was read for the guest may be held, as the last resort before a cut. */
  public boolean mayHold(ByteBuf buf) {
    return guest.mayHold(MemoryFootprint.of(buf));
  }

  @Override
  public boolean chargeOutOfOrder(int bytes) {
    if (!guest.chargeOutOfOrder(this, bytes)) {
      return false;
    }
    outOfOrderBytes += bytes;
    heldBytes += bytes;
    return true;
  }

  @Override
  public void releaseOutOfOrder(int bytes) {
    outOfOrderBytes -= bytes;
    heldBytes -= bytes;
    guest.releaseOutOfOrder(this, bytes);
  }

  @Override
  public void charge(int bytes) {
    heldBytes += bytes;
    guest.charge(bytes);
  }

  @Override
  public void release(int bytes) {
    heldBytes -= bytes;
    guest.release(bytes);
  }

  @Override
  public void allocationFailed(OutOfMemoryError cause) {
    guest.allocationFailed();
  }

  void dropOutOfOrder() {
    connection.dropOutOfOrder();
  }

  /** The connection is over. */
  void close() {
    guest.remove(this);
  }
}
