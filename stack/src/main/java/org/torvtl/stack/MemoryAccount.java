/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import java.util.function.LongUnaryOperator;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a lane holds for its guests, in bytes that are pinned, by their owner ({@link
 * StackConfig#owners}), who is the guest meant below. Everything that waits is charged here:
 * out-of-order data, data on its way in either direction, IP fragments, and a fixed amount for each
 * connection.
 *
 * <p>Each guest may hold up to a multiple of what is <em>free</em> (dynamic thresholds; Choudhury
 * and Hahne, 1998). So one guest alone may hold a lot, and some always stays free. The multiple is
 * an order of precedence:
 *
 * <ol>
 *   <li>½ for out-of-order data, which nobody has been promised: a guest alone gets a third of the
 *       limit;
 *   <li>1 for data in order, reads from a stream, and new connections: half of it. A guest's
 *       out-of-order data makes room for its data in order;
 *   <li>2 for what has been read from a stream and must be held or lost: two thirds of it. Beyond
 *       that the flow is cut.
 * </ol>
 *
 * <p>A guest that finds no room for the second or third kind takes it from the one that holds most,
 * if that holds twice as much: first its out-of-order data, then its connections are cut. So
 * however many guests have filled the memory, one that comes later is served.
 *
 * <p><b>What is guaranteed.</b> Together all lanes hold at most {@link StackConfig#bufferBytes},
 * 384 MiB by default. An allocator may need more for that, where what is left of its blocks fits
 * nothing else; above three quarters of its limit (960 MiB), {@link #isShort} tells, and the lane
 * gives up out-of-order data, then connections, those first that hold most. What is held on the
 * heap, whose own limit is 256 MiB, is covered by what each buffer and connection is charged beyond
 * its payload. So resident memory stays below 384 and 256 MiB, some 150 MiB of the JVM's own, and
 * what the allocator wastes. An allocation that fails all the same costs the frame or the flow it
 * was for.
 */
public final class MemoryAccount {
  /** Charged for each connection: its state machine, its stream, and their places in tables. */
  static final int CONNECTION_BYTES = 4096;

  /** What an allocator takes from the system at a time. */
  private static final long BLOCK_BYTES = 4 << 20;

  /** Part of the allocator's limit above which memory is short. */
  private static final double MOST_ALLOCATED = 0.75;

  /** Where guests hold less than this part of the limit, it is not they that fill the allocator. */
  private static final int WORTHWHILE_PART = 16;

  private final long limitBytes;
  private final LongUnaryOperator owners;
  private final DoubleSupplier allocated;
  private final Consumer<GuestConnection> cut;
  private final Map<Long, GuestMemory> guests = new HashMap<>();
  private long heldBytes;
  private boolean allocationFailed;

  /**
   * An empty account.
   *
   * @param limitBytes what all guests may hold
   * @param owners who a guest belongs to, by its MAC address
   * @param allocated the part of the memory for buffers that the allocator has taken, 0 to 1
   * @param cut ends a connection that holds too much
   */
  MemoryAccount(
      long limitBytes,
      LongUnaryOperator owners,
      DoubleSupplier allocated,
      Consumer<GuestConnection> cut) {
    this.owners = owners;
    this.cut = cut;
    this.limitBytes = limitBytes;
    this.allocated = allocated;
  }

  /** Bytes that all guests hold. */
  public long heldBytes() {
    return heldBytes;
  }

  /** Bytes that all guests may hold. */
  public long limitBytes() {
    return limitBytes;
  }

  /** Bytes that the owner of a guest holds. */
  public long heldBytes(long guest) {
    var memory = guests.get(owners.applyAsLong(guest));
    return memory == null ? 0 : memory.heldBytes();
  }

  /** What the owner of a guest holds; a new entry if it holds nothing. */
  GuestMemory guest(long guest) {
    return guests.computeIfAbsent(owners.applyAsLong(guest), key -> new GuestMemory(this, key));
  }

  /** Whether a guest may have one more connection. */
  boolean admitsConnection(long guest) {
    long owner = owners.applyAsLong(guest);
    var memory = guests.get(owner);
    return (memory == null ? new GuestMemory(this, owner) : memory).admits(CONNECTION_BYTES);
  }

  /** An allocation failed; something is to be given up. */
  public void allocationFailed() {
    allocationFailed = true;
  }

  /** Whether an allocation has failed since the last {@link #giveUp}. */
  public boolean hasAllocationFailed() {
    return allocationFailed;
  }

  /** Whether a guest that holds so much holds more than if all held the same. */
  boolean isMoreThanEqualShare(long bytes) {
    return bytes > heldBytes / Math.max(1, guests.size());
  }

  /** Whether something is to be given up: an allocation failed, or one may soon. */
  public boolean isShort() {
    return allocationFailed || isAllocatorShort();
  }

  boolean isAllocatorShort() {
    return allocated.getAsDouble() > MOST_ALLOCATED && heldBytes > limitBytes / WORTHWHILE_PART;
  }

  /**
   * Gives up the out-of-order data of the guest that holds most of it; where there is none, cuts a
   * connection of the guest that holds most of all. After an allocation that failed goes on until
   * an allocator's block could be free again.
   *
   * @return whether there was anything to give up
   */
  public boolean giveUp() {
    long goal = heldBytes - (allocationFailed ? BLOCK_BYTES : 1);
    allocationFailed = false;
    boolean any = giveUpOne();
    while (any && heldBytes > goal) {
      if (!giveUpOne()) {
        break;
      }
    }
    return any;
  }

  private boolean giveUpOne() {
    var most = most(GuestMemory::outOfOrderBytes);
    if (most != null) {
      most.dropOutOfOrder();
      return true;
    }
    var largest = most(GuestMemory::heldBytes);
    return largest != null && largest.cutLargest(cut);
  }

  /**
   * Takes memory from the guest that holds most, if that is more than twice what {@code asker}
   * would hold.
   *
   * @return whether there was such a guest, and something was taken
   */
  boolean takeFor(GuestMemory asker, long bytes) {
    var most = most(GuestMemory::heldBytes);
    return most != null
        && most != asker
        && most.heldBytes() > 2 * (asker.heldBytes() + bytes)
        && (most.dropOldestOutOfOrder() || most.cutLargest(cut));
  }

  private @Nullable GuestMemory most(ToLongFunction<GuestMemory> amount) {
    GuestMemory most = null;
    long bytes = 0;
    for (var guest : guests.values()) {
      long held = amount.applyAsLong(guest);
      if (held > bytes) {
        most = guest;
        bytes = held;
      }
    }
    return most;
  }

  long freeBytes() {
    return Math.max(0, limitBytes - heldBytes);
  }

  void charge(long bytes) {
    heldBytes += bytes;
  }

  void release(long bytes) {
    heldBytes -= bytes;
  }

  void forget(GuestMemory guest) {
    guests.remove(guest.guest(), guest);
  }

  /** Guests that hold anything. */
  int guests() {
    return guests.size();
  }
}
