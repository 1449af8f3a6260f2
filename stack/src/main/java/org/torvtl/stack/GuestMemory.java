/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.torvtl.ip.Reassembler;

/** What one guest holds of a {@link MemoryAccount}. */
final class GuestMemory implements Reassembler.Account {
  /** So many of its connections are compared when one is to be cut. */
  private static final int CANDIDATES = 256;

  private final MemoryAccount account;
  private final long guest;
  private final Set<ConnectionMemory> connections = new LinkedHashSet<>();

  /** Connections with out-of-order data, the one that had it first in front. */
  private final Set<ConnectionMemory> outOfOrder = new LinkedHashSet<>();

  private long heldBytes;
  private long outOfOrderBytes;
  private int fragmentBytes;

  GuestMemory(MemoryAccount account, long guest) {
    this.account = account;
    this.guest = guest;
  }

  long guest() {
    return guest;
  }

  long heldBytes() {
    return heldBytes;
  }

  long outOfOrderBytes() {
    return outOfOrderBytes;
  }

  void charge(long bytes) {
    heldBytes += bytes;
    account.charge(bytes);
  }

  void release(long bytes) {
    heldBytes -= bytes;
    account.release(bytes);
    if (heldBytes == 0) {
      account.forget(this);
    }
  }

  @Override
  public int fragmentBytes() {
    return fragmentBytes;
  }

  @Override
  public void chargeFragments(int bytes) {
    fragmentBytes += bytes;
    if (bytes >= 0) {
      charge(bytes);
    } else {
      release(-bytes);
    }
  }

  void add(ConnectionMemory connection) {
    connections.add(connection);
    charge(MemoryAccount.CONNECTION_BYTES);
  }

  void remove(ConnectionMemory connection) {
    if (connections.remove(connection)) {
      release(MemoryAccount.CONNECTION_BYTES);
    }
  }

  /**
   * Whether the guest may take so much more in order. Its out-of-order data makes room, then a
   * guest that holds much more.
   */
  boolean admits(long bytes) {
    if (account.isAllocatorShort() && account.isMoreThanEqualShare(heldBytes + bytes)) {
      return false;
    }
    while (heldBytes + bytes > account.freeBytes()) {
      if (!dropOldestOutOfOrder() && !account.takeFor(this, bytes)) {
        return false;
      }
    }
    return true;
  }

  /** Whether what is here already may be held. */
  boolean mayHold(long bytes) {
    return heldBytes + bytes <= 2 * account.freeBytes() || admits(bytes);
  }

  boolean chargeOutOfOrder(ConnectionMemory connection, long bytes) {
    if (2 * (heldBytes + bytes) > account.freeBytes() || account.isAllocatorShort()) {
      return false;
    }
    outOfOrder.add(connection);
    outOfOrderBytes += bytes;
    charge(bytes);
    return true;
  }

  void releaseOutOfOrder(ConnectionMemory connection, long bytes) {
    if (connection.outOfOrderBytes() == 0) {
      outOfOrder.remove(connection);
    }
    outOfOrderBytes -= bytes;
    release(bytes);
  }

  void dropOutOfOrder() {
    while (!outOfOrder.isEmpty()) {
      dropOldestOutOfOrder();
    }
  }

  /** Drops what the connection holds that had out-of-order data first; whether there was any. */
  boolean dropOldestOutOfOrder() {
    var oldest = outOfOrder.iterator();
    if (!oldest.hasNext()) {
      return false;
    }
    var connection = oldest.next();
    oldest.remove();
    connection.dropOutOfOrder();
    return true;
  }

  /** Cuts the connection that holds most of the oldest ones; whether there was one. */
  boolean cutLargest(Consumer<GuestConnection> cut) {
    ConnectionMemory most = null;
    var oldest = connections.iterator();
    for (int i = 0; i < CANDIDATES && oldest.hasNext(); i++) {
      var connection = oldest.next();
      if (most == null || connection.heldBytes() > most.heldBytes()) {
        most = connection;
      }
    }
    if (most == null) {
      return false;
    }
    remove(most);
    cut.accept(most.connection());
    return true;
  }

  void allocationFailed() {
    account.allocationFailed();
  }
}
