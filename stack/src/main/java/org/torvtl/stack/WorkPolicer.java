/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Polices the time of a lane that guests take with packets of no established connection: what is
 * answered at once (ARP, ping, errors, resets, DNS), and requests that set off work in the egress.
 * It bounds what any guest adds to the round trip of the others, whatever it sends.
 *
 * <p>All guests of a link share one queue of the device, so none can be read before another: what a
 * guest sends beyond its share is dropped, at a fraction of the cost of an answer. Work is counted
 * in nominal nanoseconds, see {@link WorkCost}, so that a run can be repeated, and a lane that was
 * not scheduled for a while charges that to nobody.
 *
 * <ul>
 *   <li>A guest that is alone on the link is not policed: it can delay nobody else. The guests seen
 *       last tell, so a frame of bulk transfer costs two comparisons here.
 *   <li>A known guest has a token bucket for each {@link Kind}. The buckets of all guests that are
 *       active share one rate and one burst. A bucket with tokens left may be overdrawn once.
 *   <li>A guest becomes known when it is heard again {@link #PROBATION_NANOS} after its first
 *       packet. Until then it draws on a bucket that all newcomers share. So made-up MAC addresses
 *       get no more than one guest, and none of them takes the place of a known one.
 * </ul>
 *
 * <p>Times are of a clock that may wrap, as {@link System#nanoTime}.
 */
final class WorkPolicer {
  /** Guests remembered; as many newcomers besides. More forget the one heard least recently. */
  static final int CAPACITY = 256;

  /** After so long without a frame of another guest, a guest is alone. */
  static final long ALONE_NANOS = TimeUnit.SECONDS.toNanos(1);

  static final long PROBATION_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** How long a guest counts as active, at least. */
  private static final long WINDOW_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** What is policed: the share of the lane's time all guests together get, and their burst. */
  enum Kind {
    /** Answered within the lane. */
    ANSWER(25, TimeUnit.MILLISECONDS.toNanos(1)),
    /** Sets off a stream or a lookup of the egress: 2,000 a second, 64 at once. */
    REQUEST(40, 64 * WorkCost.REQUEST);

    final int percent;
    final long burstNanos;

    Kind(int percent, long burstNanos) {
      this.percent = percent;
      this.burstNanos = burstNanos;
    }
  }

  /** The newcomers' part, of either kind. */
  private static final int NEWCOMERS_PERCENT = 5;

  private static final long NEWCOMERS_BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Recent known = new Recent();
  private final Recent newcomers = new Recent();
  private final Bucket common;
  private final Activity[] activities;
  private final long speed;
  private long current;
  private long currentSeenNanos;
  private long otherSeenNanos;
  private boolean hasCurrent;

  WorkPolicer(long nowNanos) {
    this(nowNanos, 1);
  }

  /**
   * @param speed how many times faster the lane is than the nominal costs say
   */
  WorkPolicer(long nowNanos, long speed) {
    this.speed = speed;
    common = new Bucket(NEWCOMERS_BURST_NANOS, nowNanos);
    activities = new Activity[] {new Activity(nowNanos), new Activity(nowNanos)};
    otherSeenNanos = nowNanos - ALONE_NANOS;
  }

  /** A frame of a guest has come, of whatever kind. */
  void seen(long guest, long nowNanos) {
    if (guest != current || !hasCurrent) {
      if (hasCurrent) {
        otherSeenNanos = currentSeenNanos;
      }
      current = guest;
      hasCurrent = true;
    }
    currentSeenNanos = nowNanos;
  }

  /** Whether the guest seen last is the only one. */
  boolean isAlone(long nowNanos) {
    return nowNanos - otherSeenNanos >= ALONE_NANOS;
  }

  /**
   * Whether there is time for a packet of the guest seen last; if so, it is charged.
   *
   * @param nominalNanos of {@link WorkCost}
   */
  boolean admit(Kind kind, long nominalNanos, long nowNanos) {
    long costNanos = nominalNanos / speed;
    var account = account(current, nowNanos);
    if (isAlone(nowNanos)) {
      return true;
    }
    if (account == null) {
      return common.take(costNanos, NEWCOMERS_PERCENT, 1, NEWCOMERS_BURST_NANOS, nowNanos);
    }
    var activity = activities[kind.ordinal()];
    int active = activity.count(account, kind, nowNanos);
    return account.buckets[kind.ordinal()].take(
        costNanos, kind.percent, active, kind.burstNanos / active, nowNanos);
  }

  /** What the guest has, or {@code null} if it is a newcomer. */
  private @Nullable Account account(long guest, long nowNanos) {
    var account = known.get(guest);
    if (account != null) {
      return account;
    }
    var newcomer = newcomers.computeIfAbsent(guest, mac -> new Account(nowNanos));
    if (nowNanos - newcomer.firstSeenNanos < PROBATION_NANOS) {
      return null;
    }
    newcomers.remove(guest);
    known.put(guest, newcomer);
    return newcomer;
  }

  private static final class Account {
    final long firstSeenNanos;
    final Bucket[] buckets;
    final long[] countedIn = {-1, -1};

    Account(long nowNanos) {
      firstSeenNanos = nowNanos;
      buckets =
          new Bucket[] {
            new Bucket(Kind.ANSWER.burstNanos, nowNanos),
            new Bucket(Kind.REQUEST.burstNanos, nowNanos)
          };
    }
  }

  /** A token bucket whose tokens are nanoseconds of work. */
  private static final class Bucket {
    private long tokens;
    private long filledNanos;

    Bucket(long tokens, long nowNanos) {
      this.tokens = tokens;
      this.filledNanos = nowNanos;
    }

    /** Takes tokens if any are left; the last packet may take more than that. */
    boolean take(long costNanos, int percent, int sharers, long burstNanos, long nowNanos) {
      // A second fills any bucket, and is far from an overflow.
      long elapsed = Math.min(nowNanos - filledNanos, TimeUnit.SECONDS.toNanos(1));
      long fresh = elapsed * percent / (100L * sharers);
      if (fresh > 0) {
        tokens = Math.min(tokens + fresh, burstNanos);
        filledNanos = nowNanos;
      }
      if (tokens <= 0) {
        return false;
      }
      tokens -= costNanos;
      return true;
    }
  }

  /** How many guests were active in this window or the one before. */
  private static final class Activity {
    private long number;
    private long startNanos;
    private int count;
    private int countBefore;

    Activity(long nowNanos) {
      startNanos = nowNanos;
    }

    int count(Account account, Kind kind, long nowNanos) {
      long elapsed = nowNanos - startNanos;
      if (elapsed >= WINDOW_NANOS) {
        countBefore = elapsed < 2 * WINDOW_NANOS ? count : 0;
        count = 0;
        number++;
        startNanos = nowNanos;
      }
      if (account.countedIn[kind.ordinal()] != number) {
        account.countedIn[kind.ordinal()] = number;
        count++;
      }
      return Math.max(count, countBefore);
    }
  }

  /** Accounts by MAC address, bounded. */
  private static final class Recent extends LinkedHashMap<Long, Account> {
    private static final long serialVersionUID = 1L;

    Recent() {
      super(16, 0.75f, true);
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<Long, Account> eldest) {
      return size() > CAPACITY;
    }
  }
}
