/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MemoryFootprint;

/**
 * Puts fragmented IPv4 packets together. RFC 791, section 3.2; RFC 815; RFC 1122, section 3.3.2.
 *
 * <p>Memory is bounded: when a fragment finds no room, packets are given up of the sender that
 * holds most, those begun longest ago first. A packet whose fragments overlap is given up whole,
 * since which bytes count would be a matter of taste, and attacks live on it (RFC 5722 says so for
 * IPv6; RFC 3128 shows it for IPv4).
 */
public final class Reassembler implements AutoCloseable {
  /** Bytes of all incomplete packets together. */
  public static final int CAPACITY = 1 << 20;

  /** How long a packet may take to become whole; what Linux allows, too. */
  public static final long TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(30);

  private static final int UNIT = 8;

  private record Key(long sender, int source, int destination, int protocol, int identification)
      implements Comparable<Key> {
    /** Any order. A sender can choose keys that hash alike; the map compares them then. */
    @Override
    public int compareTo(Key other) {
      int order = Long.compare(sender, other.sender);
      order = order != 0 ? order : Integer.compare(source, other.source);
      order = order != 0 ? order : Integer.compare(destination, other.destination);
      order = order != 0 ? order : Integer.compare(protocol, other.protocol);
      return order != 0 ? order : Integer.compare(identification, other.identification);
    }
  }

  /** Where the memory of one sender's incomplete packets is charged. */
  public interface Account {
    /**
     * Its incomplete packets hold so many bytes more.
     *
     * @param bytes negative if it is fewer
     */
    void chargeFragments(int bytes);

    /** What its incomplete packets hold. */
    int fragmentBytes();
  }

  /** Counts what is given up. */
  public interface Counters {
    /** Fragments of a packet overlap. */
    void fragmentsOverlap();

    /** A packet was not whole in time, or made room for others. */
    void fragmentsExpired();
  }

  private final Counters counters;
  private final LongFunction<? extends Account> accounts;
  private final ByteBufAllocator allocator;
  private final Map<Key, Partial> partials = new LinkedHashMap<>();
  private final Ipv4Packet whole = new Ipv4Packet();
  private int usedBytes;

  /**
   * @param accounts of senders, by what {@link #add} names them
   */
  public Reassembler(
      Counters counters, LongFunction<? extends Account> accounts, ByteBufAllocator allocator) {
    this.counters = counters;
    this.accounts = accounts;
    this.allocator = allocator;
  }

  /** A packet that is not whole yet. Its payload begins where the longest header would end. */
  private static final class Partial {
    final ByteBuf buf;
    final Account account;
    final BitSet units = new BitSet();
    final long begunNanos;
    int headerLength;
    int payloadLength = -1;

    Partial(ByteBuf buf, Account account, long nowNanos) {
      this.buf = buf;
      this.account = account;
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
   * @param sender whose it is, such as the MAC address it came from
   * @param fragment laid over {@code frame}, without a defect
   * @return the whole packet if this was the last part missing, owned by the caller; else {@code
   *     null}
   */
  public @Nullable ByteBuf add(long sender, Ipv4Packet fragment, ByteBuf frame, long nowNanos) {
    expire(nowNanos);
    var key =
        new Key(
            sender,
            fragment.source(),
            fragment.destination(),
            fragment.protocol(),
            fragment.identification());
    var partial = partials.get(key);
    if (partial == null) {
      partial = begin(sender, nowNanos);
      partials.put(key, partial);
    }
    if (!put(partial, fragment, frame)) {
      counters.fragmentsOverlap();
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

  private Partial begin(long sender, long nowNanos) {
    var buf = allocator.buffer(2048, Ipv4Packet.MAX_HEADER_LENGTH + Ipv4Packet.MAX_LENGTH);
    var partial = new Partial(buf, accounts.apply(sender), nowNanos);
    charge(partial, MemoryFootprint.of(buf));
    return partial;
  }

  private void charge(Partial partial, int bytes) {
    usedBytes += bytes;
    partial.account.chargeFragments(bytes);
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
      var victim = oldestOfTheSenderWithMost(newest);
      var partial = victim == null ? null : partials.remove(victim);
      if (partial == null) {
        return;
      }
      giveUp(partial);
    }
  }

  private @Nullable Key oldestOfTheSenderWithMost(Key newest) {
    Key victim = null;
    int most = 0;
    for (var entry : partials.entrySet()) {
      int bytes = entry.getValue().account.fragmentBytes();
      if (bytes > most && !entry.getKey().equals(newest)) {
        most = bytes;
        victim = entry.getKey();
      }
    }
    return victim;
  }

  private void giveUp(Partial partial) {
    counters.fragmentsExpired();
    release(partial);
  }

  /** Gives up what came from a sender. */
  public void forget(long sender) {
    partials
        .entrySet()
        .removeIf(entry -> {
          boolean isOf = entry.getKey().sender == sender;
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
  public int usedBytes() {
    return usedBytes;
  }

  @Override
  public void close() {
    partials.values().forEach(this::release);
    partials.clear();
  }
}
