/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.stack.WorkPolicer.Kind.ANSWER;
import static org.torvtl.stack.WorkPolicer.Kind.REQUEST;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests flood, each in its way, and others ask now and then; on virtual time. */
class WorkPolicerTest {
  private static final long MICRO = 1_000, MILLI = 1_000_000, SECOND = 1_000_000_000;
  private static final long GUEST = 0x02_00_00_00_00_02L, FLOODER = 0x02_00_00_00_00_66L;
  private static final long NEWCOMER = 0x02_00_00_00_00_33L;
  private static final long COST = WorkCost.answer(0);

  /** Any time; the clock wraps within the test. */
  private long now = Long.MAX_VALUE - 2 * SECOND;

  private final WorkPolicer policer = new WorkPolicer(now, 4711);

  private final SplittableRandom random = new SplittableRandom(4711);

  private boolean sends(long guest) {
    return sends(guest, ANSWER, COST);
  }

  private boolean sends(long guest, WorkPolicer.Kind kind, long cost) {
    policer.seen(guest, now);
    return policer.admit(kind, cost, now);
  }

  /** Both guests were there before anything happened. */
  private void bothAreKnown() {
    for (int i = 0; i < 2; i++) {
      sends(GUEST);
      sends(FLOODER);
      now += Greylist.PROBATION_NANOS;
    }
  }

  /** How many of the flood's packets are admitted in a second, with the guest's ping each 10 ms. */
  private long flood(WorkPolicer.Kind kind, long cost, int perSecond) {
    long admitted = 0;
    long end = now + SECOND;
    for (int i = 0; end - now > 0; i++) {
      admitted += sends(FLOODER, kind, cost) ? 1 : 0;
      if (i % (perSecond / 100) == 0) {
        assertThat(sends(GUEST)).as("the guest's ping after %d packets", i).isTrue();
      }
      now += SECOND / perSecond;
    }
    return admitted;
  }

  @Test
  void aGuestThatIsAloneIsNotPoliced() {
    for (int i = 0; i < 100_000; i++) {
      assertThat(sends(FLOODER)).isTrue();
    }
    assertThat(policer.isAlone(now)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(longs = {1_000, 7_000, 250_000})
  void aFloodGetsNoMoreThanItsShare(long cost) {
    bothAreKnown();
    long worked = flood(ANSWER, cost, 500_000) * cost;
    // Two share a quarter of a second and a millisecond; the last packet may go beyond.
    assertThat(worked).isBetween(110 * MILLI, 127 * MILLI + cost);
  }

  @Test
  void aFloodOfRequestsDoesNotTakeTheTimeForAnswers() {
    bothAreKnown();
    long requests = flood(REQUEST, WorkCost.REQUEST, 100_000);
    // The guest makes none, so the flooder has all of the rate: 1,000 a second, and 64.
    assertThat(requests).isBetween(990L, 1_070L);
    assertThat(sends(FLOODER)).isTrue();
  }

  @Test
  void aBurstOfRequestsPasses() {
    bothAreKnown();
    for (int i = 0; i < 64; i++) {
      assertThat(sends(GUEST, REQUEST, WorkCost.REQUEST)).as("request %d", i).isTrue();
    }
    assertThat(sends(GUEST, REQUEST, WorkCost.REQUEST)).isFalse();
    now += 100 * MILLI;
    assertThat(sends(GUEST, REQUEST, WorkCost.REQUEST)).isTrue();
  }

  @Test
  void aGuestIsNotPolicedAnyMoreWhenTheOthersAreGone() {
    bothAreKnown();
    sends(GUEST);
    assertThat(admittedAtOnce(10_000)).isLessThan(1_000);
    now += WorkPolicer.ALONE_NANOS - MILLI;
    assertThat(admittedAtOnce(10_000)).isLessThan(1_000);
    now += MILLI;
    assertThat(admittedAtOnce(10_000)).isEqualTo(10_000);
  }

  private int admittedAtOnce(int packets) {
    int admitted = 0;
    for (int i = 0; i < packets; i++) {
      admitted += sends(FLOODER) ? 1 : 0;
    }
    return admitted;
  }

  /** As many MAC addresses as packets: all of them together get what strangers get. */
  @Test
  void madeUpAddressesNeitherGetMoreNorPushOutAKnownGuest() {
    bothAreKnown();
    long admitted = madeUp(ANSWER, COST, () -> {});
    assertThat(admitted * COST).isBetween(45 * MILLI, 53 * MILLI);
  }

  /** Each may make an isolation key, and circuits: 2,000 a second it was. */
  @Test
  void madeUpAddressesMakeFewRequests() {
    bothAreKnown();
    long admitted = madeUp(REQUEST, WorkCost.REQUEST, () -> {});
    assertThat(admitted)
        .isBetween(
            (long) WorkPolicer.ARRIVALS_AT_ONCE,
            (long) WorkPolicer.ARRIVALS_AT_ONCE + WorkPolicer.ARRIVALS_PER_SECOND + 1);
  }

  @ParameterizedTest
  @EnumSource(WorkPolicer.Kind.class)
  void aNewcomerThatAsksAgainIsServedBesideMadeUpAddresses(WorkPolicer.Kind kind) {
    bothAreKnown();
    madeUp(kind, WorkCost.REQUEST, () -> {});
    assertThat(sends(NEWCOMER, kind, WorkCost.REQUEST)).isFalse();
    // As ARP and TCP do, and DNS a second time.
    int tries = 1;
    do {
      madeUp(kind, WorkCost.REQUEST, () -> {});
      tries++;
    } while (!sends(NEWCOMER, kind, WorkCost.REQUEST));
    assertThat(tries).isLessThanOrEqualTo(3);
    madeUp(
        kind,
        WorkCost.REQUEST,
        () -> assertThat(sends(NEWCOMER, kind, WorkCost.REQUEST)).as("known").isTrue());
  }

  /** 200,000 addresses a second, none twice; the guest asks all the while, and so may another. */
  private long madeUp(WorkPolicer.Kind kind, long cost, Runnable each10Millis) {
    long admitted = 0;
    for (int i = 0; i < 200_000; i++) {
      admitted += sends(random.nextLong(1L << 48), kind, cost) ? 1 : 0;
      if (i % 2_000 == 0) {
        assertThat(sends(GUEST)).as("after %d addresses", i).isTrue();
        each10Millis.run();
      }
      now += 5 * MICRO;
    }
    return admitted;
  }

  /** As many as a port of a guarded bridge may have; the flood goes on with all of them. */
  @Test
  void addressesThatAreKeptTakeNoPlaceOfAnother() {
    bothAreKnown();
    int many = 128;
    boolean served = false;
    for (int i = 0; i < 2_000_000; i++) {
      sends(FLOODER + i % many, i % 2 == 0 ? ANSWER : REQUEST, COST);
      if (i % 2_000 == 0) {
        assertThat(sends(GUEST)).as("after %d packets", i).isTrue();
      }
      if (i % 200_000 == 199_999) {
        served = sends(NEWCOMER, REQUEST, WorkCost.REQUEST);
        assertThat(served || i < 600_000).as("the newcomer's request after %d packets", i).isTrue();
      }
      now += 5 * MICRO;
    }
  }

  /** More than may be known keep asking: those who are known stay so, and the rest share a part. */
  @Test
  void aGuestThatIsKnownStaysSo() {
    bothAreKnown();
    long admitted = 0;
    int seconds = 20;
    for (int i = 0; i < seconds * 20_000; i++) {
      admitted += sends(FLOODER + 1 + random.nextInt(5_000), REQUEST, WorkCost.REQUEST) ? 1 : 0;
      if (i % 20_000 == 0) {
        assertThat(sends(GUEST, REQUEST, WorkCost.REQUEST)).as("after %d packets", i).isTrue();
      }
      now += 50 * MICRO;
    }
    assertThat(admitted).isLessThan(1_000L * (seconds + 1));
  }

  @Test
  void aGuestThatIsIdleGivesWay() {
    bothAreKnown();
    for (int round = 0; round < 100; round++) {
      for (int i = 0; i < WorkPolicer.CAPACITY + 10; i++) {
        sends(FLOODER + 1000 + i);
      }
      now += 200 * MILLI;
    }
    policer.seen(NEWCOMER, now);
    assertThat(policer.owner(now)).isEqualTo(WorkPolicer.NEWCOMERS);
    now += WorkPolicer.IDLE_NANOS;
    for (int i = 0; i < 3; i++) {
      sends(FLOODER);
      sends(NEWCOMER);
      now += Greylist.PROBATION_NANOS;
    }
    policer.seen(NEWCOMER, now);
    assertThat(policer.owner(now)).isEqualTo(NEWCOMER);
  }

  /** Addresses that are kept long enough to be known share what one would have. */
  @Test
  void manyKnownGuestsShareOneRate() {
    int many = 200;
    // So long it takes until all are known.
    for (int round = 0; round < 60; round++) {
      for (int i = 0; i < many; i++) {
        sends(FLOODER + i);
      }
      sends(GUEST);
      now += Greylist.PROBATION_NANOS;
    }
    long worked = 0;
    for (int i = 0; i < 200_000; i++) {
      worked += sends(FLOODER + i % many) ? COST : 0;
      if (i % 2_000 == 0) {
        assertThat(sends(GUEST)).as("after %d packets", i).isTrue();
      }
      now += 5 * MICRO;
    }
    // The first packet of each may be overdrawn, at the beginning and once at most.
    assertThat(worked).isBetween(200 * MILLI, 251 * MILLI + 2 * many * COST);
  }

  @Test
  void aNewcomerIsServed() {
    bothAreKnown();
    for (int i = 0; i < 100_000; i++) {
      sends(FLOODER);
      now += 5 * MICRO;
    }
    assertThat(sends(NEWCOMER)).isTrue();
    now += TimeUnit.SECONDS.toNanos(1);
    assertThat(sends(FLOODER)).isTrue();
    assertThat(sends(NEWCOMER)).isTrue();
  }

  /** One that asks once at its start, and a browser that asks for all at once. */
  @Test
  void aNewcomersFirstRequestsAreServed() {
    bothAreKnown();
    for (int i = 0; i < 40_000; i++) {
      sends(FLOODER);
      now += 5 * MICRO;
    }
    for (int i = 0; i < WorkPolicer.ARRIVALS_AT_ONCE; i++) {
      assertThat(sends(NEWCOMER, REQUEST, WorkCost.REQUEST)).as("request %d", i).isTrue();
    }
  }
}
