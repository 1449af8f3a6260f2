/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.torvtl.egress.IsolationKey;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

/** Who gets a place or room, who waits, and who has to give way. */
class LookupSharesTest extends DnsServiceWorld {
  /** Four guests that filled all places kept all others out. */
  @Test
  void guestsWithManyQueriesKeepNobodyOut() throws Exception {
    for (int guest = 0; guest < 4; guest++) {
      askMany(service, "flood-" + guest, 0, 2000);
    }
    assertThat(service.inFlight()).isEqualTo(512);
    assertThat(service.waiting()).isEqualTo(4 * 1024);
    assertThat(counters.count(DnsEvent.DROPPED_QUEUE_FULL)).isEqualTo(4 * (2000 - 1024));
    assertThat(counters.count(DnsEvent.EVICTED)).isZero();
    askMany(service, GUEST, 0, 10);
    assertThat(service.inFlight()).isEqualTo(512);
    assertThat(service.waiting()).isBetween(4 * 1024 - 10, 4 * 1024);
    assertThat(counters.count(DnsEvent.EVICTED)).isEqualTo(10);
    assertThat(wayOut.asked.subList(512, 522)).allMatch(asked -> asked.startsWith(GUEST));
    assertThat(wayOut.addresses.getFirst().isCancelled()).as("the oldest lookup").isTrue();
    assertThat(wayOut.addresses.get(511).isCancelled()).as("the newest").isFalse();
  }

  /** 172 of 300 lookups at once got SERVFAIL. */
  @Test
  void aBurstOfNamesWaitsForItsTurn() throws Exception {
    askMany(service, GUEST, 0, 300);
    assertThat(service.inFlight()).isEqualTo(128);
    assertThat(responses).isEmpty();
    for (int i = 0; i < 300; i++) {
      wayOut.addresses.get(i).setSuccess(address("203.0.113.7"));
    }
    assertThat(codes()).hasSize(300).containsOnly(Rcode.NOERROR);
    assertThat(service.waiting()).isZero();
  }

  /** A guest that has many waiting does not delay one with few. */
  @Test
  void aFreePlaceGoesToTheOwnerWithFewest() throws Exception {
    var bounded = service(new DnsLimits(4, 4, Duration.ofSeconds(30)));
    askMany(bounded, "many", 0, 20);
    askMany(bounded, "few", 0, 3);
    assertThat(counters.count(DnsEvent.EVICTED)).as("each has two places now").isEqualTo(2);
    assertThat(wayOut.asked.getLast()).isEqualTo("few few1.example");
    wayOut.addresses.getLast().setSuccess(address("203.0.113.7"));
    assertThat(wayOut.asked.getLast()).isEqualTo("few few2.example");
    wayOut.addresses.getLast().setSuccess(address("203.0.113.7"));
    assertThat(wayOut.asked.getLast()).isEqualTo("many many4.example");
  }

  /** The stub resolver has given up by then, or has asked again. */
  @Test
  void whatIsTooLateIsDroppedWithoutAWord() throws Exception {
    channel.freezeTime();
    var bounded = service(new DnsLimits(2, 1, Duration.ofSeconds(30)));
    askMany(bounded, GUEST, 0, 2);
    advance(5);
    assertThat(bounded.waiting()).isEqualTo(2);
    advance(1);
    assertThat(bounded.waiting()).isEqualTo(1);
    assertThat(responses).isEmpty();
    assertThat(counters.count(DnsEvent.DROPPED_TOO_LATE)).isEqualTo(1);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(wayOut.asked).as("it is not asked for any more").hasSize(1);
  }

  /** What was asked again while it waited is still worth a lookup. */
  @Test
  void aQueryThatIsRepeatedWaitsOn() throws Exception {
    channel.freezeTime();
    var bounded = service(new DnsLimits(2, 1, Duration.ofSeconds(30)));
    askMany(bounded, GUEST, 0, 2);
    advance(5);
    askMany(bounded, GUEST, 1, 1);
    advance(1);
    assertThat(counters.count(DnsEvent.DROPPED_TOO_LATE)).isEqualTo(1);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(wayOut.asked).hasSize(2);
    wayOut.addresses.getLast().setSuccess(address("203.0.113.7"));
    assertThat(responses).hasSize(2);
    assertThat(bounded.waiting()).isZero();
  }

  /** Over TCP no query is repeated, so each has to have a response. */
  @Test
  void overTcpNoQueryIsDropped() throws Exception {
    channel.freezeTime();
    var bounded = service(new DnsLimits(2, 1, Duration.ofSeconds(30)));
    var stream = new DnsClient(1, new IsolationKey(GUEST), 1, 1, 5000, true);
    for (int i = 0; i < 10; i++) {
      ask(bounded, stream, query("name" + i + ".example", Type.A, i));
    }
    assertThat(codes()).as("no room").containsExactly(Rcode.SERVFAIL, Rcode.SERVFAIL);
    advance(6);
    assertThat(codes()).as("too late").hasSize(9).containsOnly(Rcode.SERVFAIL);
    var query = Unpooled.wrappedBuffer(query("over.example", Type.A, 77));
    bounded.answer(stream, query, () -> false, this::accept);
    assertThat(codes()).as("beyond its share").hasSize(10).containsOnly(Rcode.SERVFAIL);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(responses).hasSize(11);
  }

  /** Each eviction cancels a lookup and begins another, so a flood must not cause them. */
  @Test
  void guestsThatFloodDoNotEvictEachOtherForEver() throws Exception {
    var bounded = service(new DnsLimits(32, 16, Duration.ofSeconds(30)));
    for (int i = 0; i < 1000; i++) {
      for (int guest = 0; guest < 5; guest++) {
        askMany(bounded, "flood-" + guest, i, 1);
      }
    }
    assertThat(bounded.inFlight()).isEqualTo(32);
    assertThat(counters.count(DnsEvent.EVICTED)).isLessThan(32);
  }

  @Test
  void aGuestsOwnStaleLookupMakesRoom() throws Exception {
    channel.freezeTime();
    var bounded = service(new DnsLimits(32, 16, Duration.ofSeconds(30)));
    askMany(bounded, GUEST, 0, 17);
    assertThat(bounded.inFlight()).isEqualTo(16);
    advance(6);
    assertThat(counters.count(DnsEvent.DROPPED_TOO_LATE)).isEqualTo(1);
    askMany(bounded, GUEST, 17, 1);
    assertThat(counters.count(DnsEvent.EVICTED)).isEqualTo(1);
    assertThat(wayOut.addresses.getFirst().isCancelled()).isTrue();
    assertThat(wayOut.asked).hasSize(17);
  }

  @Test
  void keysOfOneOwnerShareOneShare() throws Exception {
    for (int key = 0; key < 2000; key++) {
      ask(service, 7, "made-up-" + key, query("www.example.com", Type.A).toWire());
    }
    assertThat(service.inFlight()).isEqualTo(128);
    assertThat(service.waiting()).isEqualTo(1024);
    assertThat(wayOut.asked).as("none shares a lookup with another key").hasSize(128);
  }

  @Test
  void boundsWhatIsInFlight() throws Exception {
    var bounded = service(new DnsLimits(3, 2, Duration.ofSeconds(5)));
    for (var guest : List.of("a", "a", "a", "b", "b", "c")) {
      askMany(bounded, guest, nextPort, 1);
    }
    assertThat(bounded.inFlight()).isEqualTo(3);
    // The last one has none yet, so the oldest of the first gives way.
    assertThat(counters.count(DnsEvent.EVICTED)).isEqualTo(1);
    assertThat(codes()).containsExactly(Rcode.SERVFAIL);
    assertThat(wayOut.asked.getLast()).startsWith("c ");
    assertThat(bounded.waiting()).isEqualTo(5);
  }

  /** A guest beyond its share starts no lookup; it may still join one. */
  @Test
  void aQueryBeyondTheGuestsShareIsDropped() throws Exception {
    ask(query("www.example.com", Type.A));
    for (var name : List.of("www.example.com", "mail.example.com")) {
      var query = Unpooled.wrappedBuffer(query(name, Type.A).toWire());
      service.answer(client(nextPort++), query, () -> false, this::accept);
    }
    assertThat(wayOut.asked).hasSize(1);
    assertThat(responses).isEmpty();
    assertThat(service.waiting()).isEqualTo(2);
    assertThat(counters.count(DnsEvent.DROPPED_OVER_SHARE)).isEqualTo(1);
  }

  /** A guest that is at its limit may still join a lookup; that takes no place. */
  @Test
  void aQueryThatJoinsALookupTakesNoPlace() throws Exception {
    channel.freezeTime();
    var bounded = service(new DnsLimits(32, 16, Duration.ofSeconds(30)));
    askMany(bounded, GUEST, 0, 16);
    channel.advanceTimeBy(5, TimeUnit.SECONDS);
    var query = Unpooled.wrappedBuffer(query(GUEST + "0.example", Type.A).toWire());
    bounded.answer(client(5000), query, () -> false, this::accept);
    assertThat(counters.count(DnsEvent.DROPPED_OVER_SHARE)).isZero();
    askMany(bounded, GUEST, 0, 15);
    assertThat(wayOut.asked).hasSize(16);
    assertThat(counters.count(DnsEvent.EVICTED)).isZero();
    assertThat(counters.count(DnsEvent.COALESCED)).isEqualTo(16);
    assertThat(bounded.inFlight()).isEqualTo(16);
  }

  /** As many at once as there are threads in a program that waits for one name. */
  @Test
  void allWhoWaitForOneNameAreAnsweredSomeAtATime() throws Exception {
    for (int i = 0; i < 300; i++) {
      ask(query("www.example.com", Type.A));
    }
    assertThat(wayOut.asked).hasSize(1);
    assertThat(service.inFlight()).isEqualTo(1);
    assertThat(service.waiting()).isEqualTo(300);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(responses).hasSize(DnsService.MOST_AT_ONCE);
    channel.runPendingTasks();
    assertThat(codes()).hasSize(300).containsOnly(Rcode.NOERROR);
    assertThat(service.waiting()).isZero();
  }

  @Test
  void thoseNotAnsweredYetLeaveWithTheirGuest() throws Exception {
    for (int i = 0; i < 300; i++) {
      ask(query("www.example.com", Type.A));
    }
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    service.forget(GUEST.hashCode());
    channel.runPendingTasks();
    assertThat(responses).hasSize(DnsService.MOST_AT_ONCE);
    assertThat(service.waiting()).isZero();
  }
}
