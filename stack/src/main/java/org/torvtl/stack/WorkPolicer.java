/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Polices the time of a lane that guests take with packets of no established connection: what is
 * answered at once (ARP, ping, errors, resets, DNS), and requests that set off work in the egress;
 * and with segments that carry their connection forward by little or nothing. It bounds what any
 * guest adds to the round trip of the others, whatever it sends.
 *
 * <p>All guests of a link share one queue of the device, so none can be read before another: what a
 * guest sends beyond its share is dropped, at a fraction of the cost of an answer. Work is counted
 * in nominal nanoseconds, see {@link WorkCost}, so that a run can be repeated, and a lane that was
 * not scheduled for a while charges that to nobody. Guests are told apart by their owner, see
 * {@link StackConfig#owners}.
 *
 * <ul>
 *   <li>A guest that is alone on the link is not policed: it can delay no other. The guests seen
 *       last tell, so a frame of bulk transfer costs three comparisons here.
 *   <li>A known guest has a token bucket for each {@link Kind}. The buckets of all guests that are
 *       active share one rate and one burst. A bucket with tokens left may be overdrawn once.
 *   <li>A guest becomes known when it repeats itself ({@link Greylist}). Until then it draws on
 *       buckets that all newcomers share: one pair for strangers, one for those who were heard
 *       before. So made-up MAC addresses get no more than one guest, make few isolation keys, and
 *       do not keep out a newcomer that asks again.
 *   <li>A known guest keeps its place as long as it is heard within {@link #IDLE_NANOS}.
 * </ul>
 *
 * <p>A segment of an established connection is charged by how little it carries the connection
 * forward ({@link WorkCost#segment}): bulk is free, one byte is not. In numbers, where 20 guests
 * are busy with small segments at the same time, each has 3,750 a second and 100 at once:
 *
 * <ul>
 *   <li>free: segments of 1,024 bytes and more; acknowledgments of two segments of any MSS from 536
 *       on (delayed, RFC 9293, section 3.8.6.3), of one of 1,024 and more, of many (stretch,
 *       offload); the end of a handshake, FIN and RST
 *   <li>typing by SSH or telnet: two segments a key, some 20 a second
 *   <li>a game or a call over TCP: 30 to 250 a second each way, and as many acknowledgments
 *   <li>the last, short segment of each request or response, and its acknowledgment: requests are
 *       fewer than 1,000 a second
 *   <li>a page's 100 new TLS connections: a short segment or two each, at once
 *   <li>an MSS of 536: a segment costs half, so 4 MB/s up; down only what is acknowledged one by
 *       one, as in the first round trips, costs the same
 *   <li>a download in segments below 536 bytes: each costs by what it lacks, so some 4,000 a second
 *       at an MSS of 88; what is sent again costs the same
 *   <li>an acknowledgment for each cell of Tor (498 bytes) at 1 MB/s: 2,000 a second at half the
 *       cost
 *   <li>window updates, duplicate acknowledgments, probes: as before, the full cost; few
 * </ul>
 *
 * <p>What is dropped, TCP repeats; a kernel joins small segments when it does, so that a program
 * that writes byte by byte, and faster than that, is slowed but goes on.
 *
 * <p>Times are of a clock that may wrap, as {@link System#nanoTime}.
 */
final class WorkPolicer {
  /**
   * Guests known at a time. Fewer than a device remembers isolation keys of (256): known guests and
   * a few newcomers do not take each other's. More than the MAC addresses that a guarded bridge
   * lets a port have (128): one guest does not take all places.
   */
  static final int CAPACITY = 224;

  /** After so long without a frame of another guest, a guest is alone. */
  static final long ALONE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** A known guest that was not heard for so long gives way to a new one. */
  static final long IDLE_NANOS = TimeUnit.MINUTES.toNanos(5);

  /**
   * Of strangers, so many requests are admitted; of those heard before, so many become known. Each
   * may make an isolation key, which costs circuits.
   */
  static final int ARRIVALS_PER_SECOND = 32, ARRIVALS_AT_ONCE = 64;

  /** The {@link #owner} of all that newcomers have. */
  static final long NEWCOMERS = -2;

  /** How long a guest counts as active, at least. */
  private static final long WINDOW_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** How often it is noted that the guest at hand uses the link, whatever it sends. */
  private static final long NOTE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /** What is policed: the share of the lane's time all guests together get, and their burst. */
  enum Kind {
    /** Answered within the lane. */
    ANSWER(25, TimeUnit.MILLISECONDS.toNanos(1)),
    /** Sets off a stream or a lookup of the egress: 1,000 a second, 64 at once. */
    REQUEST(20, 64 * WorkCost.REQUEST),
    /**
     * A segment of an established connection that carries it forward by little or nothing: 75,000 a
     * second at 2 µs, 2,000 at once. See the class.
     */
    SEGMENT(15, TimeUnit.MILLISECONDS.toNanos(4));

    final int percent;
    final long burstNanos;

    Kind(int percent, long burstNanos) {
      this.percent = percent;
      this.burstNanos = burstNanos;
    }
  }

  private final Recent known = new Recent();
  private final Greylist greylist;
  private final Newcomers strangers;
  private final Newcomers repeaters;
  private final Activity[] activities;
  private final long speed;
  private long current;
  private @Nullable Account currentAccount;
  private long currentSeenNanos;
  private long otherSeenNanos;
  private long notedNanos;
  private boolean hasCurrent;

  /**
   * A policer that knows nobody.
   *
   * @param secret random
   */
  WorkPolicer(long nowNanos, long secret) {
    this(nowNanos, secret, 1);
  }

  /**
   * As above.
   *
   * @param speed how many times faster the lane is than the nominal costs say
   */
  WorkPolicer(long nowNanos, long secret, long speed) {
    this.speed = speed;
    greylist = new Greylist(secret, nowNanos);
    strangers = new Newcomers(nowNanos, speed);
    repeaters = new Newcomers(nowNanos, speed);
    activities = new Activity[Kind.values().length];
    Arrays.setAll(activities, kind -> new Activity(nowNanos));
    otherSeenNanos = nowNanos - ALONE_NANOS;
    notedNanos = nowNanos;
  }

  /** A frame of a guest has come, of whatever kind. */
  void seen(long guest, long nowNanos) {
    if (guest != current || !hasCurrent) {
      if (hasCurrent) {
        otherSeenNanos = currentSeenNanos;
      }
      current = guest;
      currentAccount = null;
      hasCurrent = true;
    }
    currentSeenNanos = nowNanos;
    if (nowNanos - notedNanos >= NOTE_NANOS) {
      notedNanos = nowNanos;
      account(nowNanos);
    }
  }

  /** Whether the guest seen last is the only one. */
  boolean isAlone(long nowNanos) {
    return nowNanos - otherSeenNanos >= ALONE_NANOS;
  }

  /** The guest seen last if it is known; one for all newcomers. */
  long owner(long nowNanos) {
    return account(nowNanos) == null ? NEWCOMERS : current;
  }

  /**
   * Whether there is time for a packet of the guest seen last; if so, it is charged.
   *
   * @param nominalNanos of {@link WorkCost}
   */
  boolean admit(Kind kind, long nominalNanos, long nowNanos) {
    long costNanos = nominalNanos / speed;
    boolean isAlone = isAlone(nowNanos);
    var account = account(nowNanos);
    if (account == null) {
      boolean isRepeater = greylist.heard(current, nowNanos);
      if (isRepeater && hasRoom(nowNanos) && (isAlone || repeaters.admitsArrival(nowNanos))) {
        account = remember(nowNanos);
      } else if (!isAlone) {
        var newcomers = isRepeater ? repeaters : strangers;
        return newcomers.admits(kind, costNanos, nowNanos);
      }
    }
    return isAlone || account == null || charge(account, kind, costNanos, nowNanos);
  }

  private boolean charge(Account account, Kind kind, long costNanos, long nowNanos) {
    int active = activities[kind.ordinal()].count(account, kind, nowNanos);
    return account.buckets[kind.ordinal()].take(
        costNanos, kind.percent, active, kind.burstNanos / active, nowNanos);
  }

  /** What the guest seen last has, or {@code null} if it is a newcomer. */
  private @Nullable Account account(long nowNanos) {
    var account = currentAccount;
    if (account == null) {
      account = known.get(current);
      currentAccount = account;
    }
    if (account != null) {
      account.heardNanos = nowNanos;
    }
    return account;
  }

  private boolean hasRoom(long nowNanos) {
    return known.size() < CAPACITY
        || nowNanos - known.firstEntry().getValue().heardNanos >= IDLE_NANOS;
  }

  private Account remember(long nowNanos) {
    var account = new Account(nowNanos);
    known.put(current, account);
    currentAccount = account;
    return account;
  }

  private static final class Account {
    final TokenBucket[] buckets;
    final long[] countedIn;
    long heardNanos;

    Account(long nowNanos) {
      heardNanos = nowNanos;
      var kinds = Kind.values();
      buckets = new TokenBucket[kinds.length];
      Arrays.setAll(buckets, i -> new TokenBucket(kinds[i].burstNanos, nowNanos));
      countedIn = new long[kinds.length];
      Arrays.fill(countedIn, -1);
    }
  }

  /**
   * What newcomers of one sort share. Their segments have a bucket apart: what made-up addresses
   * send is of no connection, so it does not use that up.
   */
  private static final class Newcomers {
    private static final int WORK_PERCENT = 5;
    private static final long WORK_BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long ARRIVAL_NANOS = TimeUnit.SECONDS.toNanos(1) / ARRIVALS_PER_SECOND;
    private static final long ARRIVALS_BURST_NANOS = ARRIVALS_AT_ONCE * ARRIVAL_NANOS;

    private final long speed;
    private final TokenBucket answers;
    private final TokenBucket segments;
    private final TokenBucket arrivals;

    Newcomers(long nowNanos, long speed) {
      this.speed = speed;
      answers = new TokenBucket(WORK_BURST_NANOS, nowNanos);
      segments = new TokenBucket(WORK_BURST_NANOS, nowNanos);
      arrivals = new TokenBucket(ARRIVALS_BURST_NANOS, nowNanos);
    }

    boolean admits(Kind kind, long costNanos, long nowNanos) {
      return switch (kind) {
        case ANSWER -> answers.take(costNanos, WORK_PERCENT, 1, WORK_BURST_NANOS, nowNanos);
        case SEGMENT -> segments.take(costNanos, WORK_PERCENT, 1, WORK_BURST_NANOS, nowNanos);
        case REQUEST -> admitsArrival(nowNanos);
      };
    }

    boolean admitsArrival(long nowNanos) {
      return arrivals.take(ARRIVAL_NANOS / speed, 100, 1, ARRIVALS_BURST_NANOS, nowNanos);
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

  /** Accounts by owner, the one heard least recently first. */
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
