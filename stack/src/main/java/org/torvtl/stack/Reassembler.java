/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.MemoryFootprint;
import org.torvtl.wire.Ipv4Packet;

/**
 * Puts fragmented IPv4 packets together. RFC 791, section 3.2; RFC 815; RFC 1122, section 3.3.2.
 *
 * <p>Memory is bounded: when a fragment finds no room, packets are given up of the guest that holds
 * most, those begun longest ago first. A packet whose fragments overlap is given up whole, since
 * which bytes count would be a matter of taste, and attacks live on it (RFC 5722 says so for IPv6;
 * RFC 3128 shows it for IPv4).
 */
final class Reassembler implements AutoCloseable {
  /** Bytes of all incomplete packets together. */
  static final int CAPACITY = 1 << 20;

  /** How long a packet may take to become whole; what Linux allows, too. */
  static final long TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(30);

  private static final int UNIT = 8;

  private record Key(long guest, int source, int destination, int protocol, int identification)
      implements Comparable<Key> {
    /** Any order. A guest can choose keys that hash alike; the map compares them then. */
    @Override
    public int compareTo(Key other) {
      int order = Long.compare(guest, other.guest);
      order = order != 0 ? order : Integer.compare(source, other.source);
      order = order != 0 ? order : Integer.compare(destination, other.destination);
      order = order != 0 ? order : Integer.compare(protocol, other.protocol);
      return order != 0 ? order : Integer.compare(identification, other.identification);
    }
  }

  private final StackCounters counters;
  private final MemoryAccount memory;
  private final ByteBufAllocator allocator;
  private final Map<Key, Partial> partials = new LinkedHashMap<>();
  private final Ipv4Packet whole = new Ipv4Packet();
  private int usedBytes;

  Reassembler(StackCounters counters, MemoryAccount memory, ByteBufAllocator allocator) {
    this.counters = counters;
    this.memory = memory;
    this.allocator = allocator;
  }

  /** A packet that is not whole yet. Its payload begins where the longest header would end. */
  private static final class Partial {
    final ByteBuf buf;
    final GuestMemory guest;
    final BitSet units = new BitSet();
    final long begunNanos;
    int headerLength;
    int payloadLength = -1;

    Partial(ByteBuf buf, GuestMemory guest, long nowNanos) {
      this.buf = buf;
      this.guest = guest;
      begunNanos = nowNanos;
    }

    boolean isWhole() {
      return headerLength != 0
          && payloadLength >= 0
          && units.nextClearBit(0) == (payloadLength + UNIT - 1) / UNIT;
    }
  }

  /**
   * Takes one fragment.
   *
   * @param guest the MAC address it came from
   * @param fragment laid over {@code frame}, without a defect
   * @return the whole packet if this was the last part missing, owned by the caller; else {@code
   *     null}
   */
  @Nullable ByteBuf add(long guest, Ipv4Packet fragment, ByteBuf frame, long nowNanos) {
    expire(nowNanos);
    var key =
        new Key(
            guest,
            fragment.source(),
            fragment.destination(),
            fragment.protocol(),
            fragment.identification());
    var partial = partials.get(key);
    if (partial == null) {
      partial = begin(guest, nowNanos);
      partials.put(key, partial);
    }
    if (!put(partial, fragment, frame)) {
      counters.drop(Drop.FRAGMENT_OVERLAP);
      forget(key);
      return null;
    }
    if (partial.isWhole()) {
      partials.remove(key);
      charge(partial, -MemoryFootprint.of(partial.buf));
      return finish(partial);
    }
    makeRoom(key);
    return null;
  }

  private Partial begin(long guest, long nowNanos) {
    var buf = allocator.buffer(2048, Ipv4Packet.MAX_HEADER_LENGTH + Ipv4Packet.MAX_LENGTH);
    var partial = new Partial(buf, memory.guest(guest), nowNanos);
    charge(partial, MemoryFootprint.of(buf));
    return partial;
  }

  private void charge(Partial partial, int bytes) {
    usedBytes += bytes;
    if (bytes >= 0) {
      partial.guest.chargeFragments(bytes);
    } else {
      partial.guest.releaseFragments(-bytes);
    }
  }

  private boolean put(Partial partial, Ipv4Packet fragment, ByteBuf frame) {
    int from = fragment.fragmentOffset();
    int to = from + fragment.payloadLength();
    int firstUnit = from / UNIT;
    int endUnit = (to + UNIT - 1) / UNIT;
    int overlap = partial.units.nextSetBit(firstUnit);
    boolean pastEnd = partial.payloadLength >= 0 && to > partial.payloadLength;
    if (overlap >= 0 && overlap < endUnit || pastEnd) {
      return false;
    }
    boolean isLast = !fragment.moreFragments();
    if (isLast && (partial.payloadLength >= 0 || partial.units.length() > endUnit)) {
      return false;
    }
    // Before anything counts as here: there may be no memory for it.
    int before = MemoryFootprint.of(partial.buf);
    partial.buf.ensureWritable(Ipv4Packet.MAX_HEADER_LENGTH + to);
    charge(partial, MemoryFootprint.of(partial.buf) - before);
    if (isLast) {
      partial.payloadLength = to;
    }
    partial.units.set(firstUnit, endUnit);
    int index = Ipv4Packet.MAX_HEADER_LENGTH + from;
    partial.buf.setBytes(index, frame, fragment.payloadOffset(), fragment.payloadLength());
    if (from == 0) {
      partial.headerLength = fragment.headerLength();
      partial.buf.setBytes(
          Ipv4Packet.MAX_HEADER_LENGTH - partial.headerLength,
          frame,
          fragment.offset(),
          partial.headerLength);
    }
    return partial.headerLength + Math.max(to, partial.payloadLength) <= Ipv4Packet.MAX_LENGTH;
  }

  private ByteBuf finish(Partial partial) {
    int start = Ipv4Packet.MAX_HEADER_LENGTH - partial.headerLength;
    int length = partial.headerLength + partial.payloadLength;
    whole.wrap(partial.buf, start, length).composeFragment(0, false, partial.payloadLength);
    return partial.buf.setIndex(start, start + length);
  }

  private void expire(long nowNanos) {
    var oldest = partials.entrySet().iterator();
    while (oldest.hasNext()) {
      var entry = oldest.next();
      if (nowNanos - entry.getValue().begunNanos < TIMEOUT_NANOS) {
        return;
      }
      oldest.remove();
      giveUp(entry.getValue());
    }
  }

  private void makeRoom(Key newest) {
    while (usedBytes > CAPACITY) {
      var victim = oldestOfTheGuestWithMost(newest);
      var partial = victim == null ? null : partials.remove(victim);
      if (partial == null) {
        return;
      }
      giveUp(partial);
    }
  }

  private @Nullable Key oldestOfTheGuestWithMost(Key newest) {
    Key victim = null;
    int most = 0;
    for (var entry : partials.entrySet()) {
      int bytes = entry.getValue().guest.fragmentBytes();
      if (bytes > most && !entry.getKey().equals(newest)) {
        most = bytes;
        victim = entry.getKey();
      }
    }
    return victim;
  }

  private void giveUp(Partial partial) {
    counters.drop(Drop.FRAGMENT_EXPIRED);
    release(partial);
  }

  /** Gives up what came from a guest. */
  void forget(long guest) {
    partials
        .entrySet()
        .removeIf(entry -> {
          boolean isOf = entry.getKey().guest == guest;
          if (isOf) {
            release(entry.getValue());
          }
          return isOf;
        });
  }

  private void forget(Key key) {
    var partial = partials.remove(key);
    if (partial != null) {
      release(partial);
    }
  }

  private void release(Partial partial) {
    charge(partial, -MemoryFootprint.of(partial.buf));
    partial.buf.release();
  }

  /** Bytes held for packets that are not whole. */
  int usedBytes() {
    return usedBytes;
  }

  @Override
  public void close() {
    partials.values().forEach(this::release);
    partials.clear();
  }
}
