/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import java.net.Inet4Address;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.tor.socks.SocksReply;

/**
 * Answers DNS queries of guests. Belongs to one event loop: every method is called there, and every
 * response is given there.
 */
public final class DnsService {
  /** Of every record: Tor does not tell the real one. */
  public static final int TTL_SECONDS = 60;

  /**
   * Queries that share one lookup: what one answer sets off at once is bounded. The response to
   * each was charged when it came, as that of any datagram; see {@code WorkCost.answer}.
   */
  static final int MAX_WAITERS = 32;

  private final EventExecutor loop;
  private final NameResolver resolver;
  private final DnsLimits limits;
  private final DnsCounters counters;
  private final Map<LookupKey, Lookup> lookups = new HashMap<>();
  private final LookupShares shares;

  record LookupKey(String isolationKey, DnsQuestion question) implements Comparable<LookupKey> {
    /** Any order. A guest can choose names that hash alike; the map compares their keys then. */
    @Override
    public int compareTo(LookupKey other) {
      int order = isolationKey.compareTo(other.isolationKey);
      return order != 0 ? order : question.toString().compareTo(other.question.toString());
    }
  }

  record Waiter(DnsQuery query, Consumer<ByteBuf> reply) {}

  /**
   * A service with nothing in flight.
   *
   * @param loop where the service lives; also its clock
   * @param resolver the way out
   * @param counters where outcomes are counted; may be shared by services
   */
  public DnsService(
      EventExecutor loop, NameResolver resolver, DnsLimits limits, DnsCounters counters) {
    this.loop = loop;
    this.resolver = resolver;
    this.limits = limits;
    this.shares = new LookupShares(limits, loop.ticker());
    this.counters = counters;
  }

  /** Queries that wait for the way out. */
  public int inFlight() {
    return shares.inFlight();
  }

  /**
   * Answers a query.
   *
   * @param owner of the guest that asks, who has one part of what may be in flight
   * @param isolationKey under which the query goes out; of one owner
   * @param query one message from reader index to writer index; stays the caller's, unchanged
   * @param mayAsk asked before a new lookup, while the call lasts; if it says no, the query is
   *     dropped
   * @param reply takes the response, and owns it; called once, at once or later, or never if the
   *     query does not deserve an answer
   */
  public void answer(
      long owner,
      String isolationKey,
      ByteBuf query,
      BooleanSupplier mayAsk,
      Consumer<ByteBuf> reply) {
    if (!DnsQuery.hasHeader(query)) {
      counters.add(DnsEvent.DROPPED_TRUNCATED);
      return;
    }
    if (DnsQuery.isResponse(query)) {
      counters.add(DnsEvent.DROPPED_RESPONSE);
      return;
    }
    var read = DnsQuery.read(query);
    var waiter = new Waiter(read, reply);
    if (read.defect() != null) {
      settle(waiter, read.defect(), null);
    } else {
      switch (DnsQuestion.of(read.question())) {
        case DnsQuestion.Settled(DnsEvent reason) -> settle(waiter, reason, null);
        case DnsQuestion question ->
            await(owner, new LookupKey(isolationKey, question), waiter, mayAsk);
      }
    }
  }

  /** Gives up the lookups of an owner that has left: nothing of them is answered. */
  public void forget(long owner) {
    for (var lookup : List.copyOf(lookups.values())) {
      if (lookup.owner == owner) {
        end(lookup);
      }
    }
  }

  /** Gives up all lookups: their queries are answered SERVFAIL. */
  public void close() {
    for (var lookup : List.copyOf(lookups.values())) {
      finish(lookup, DnsEvent.LOOKUP_FAILED, null);
    }
  }

  private void await(long owner, LookupKey key, Waiter waiter, BooleanSupplier mayAsk) {
    var joined = lookups.get(key);
    if (joined != null && joined.waiters.size() >= MAX_WAITERS) {
      settle(waiter, DnsEvent.OVERLOADED, null);
      return;
    }
    boolean hasPlace = shares.hasPlace(owner);
    var evicted = hasPlace ? null : shares.toEvict(owner);
    // A lookup that is evicted for a query cannot be joined by it.
    var underWay = joined == evicted ? null : joined;
    if (underWay == null && !mayAsk.getAsBoolean()) {
      counters.add(DnsEvent.DROPPED_OVER_SHARE);
      return;
    }
    if (!hasPlace && evicted == null) {
      settle(waiter, DnsEvent.OVERLOADED, null);
      return;
    }
    if (evicted != null) {
      finish(evicted, DnsEvent.EVICTED, null);
    }
    if (underWay != null) {
      counters.add(DnsEvent.COALESCED);
      underWay.waiters.add(waiter);
      shares.add(underWay);
      return;
    }
    var lookup = new Lookup(owner, key);
    lookup.waiters.add(waiter);
    lookups.put(key, lookup);
    shares.add(lookup);
    start(lookup);
  }

  private void start(Lookup lookup) {
    lookup.timer =
        loop.schedule(
            () -> finish(lookup, DnsEvent.LOOKUP_TIMED_OUT, null),
            limits.timeout().toNanos(),
            TimeUnit.NANOSECONDS);
    ask(lookup);
  }

  private void ask(Lookup lookup) {
    Future<?> answer =
        switch (lookup.key.question) {
          case DnsQuestion.Address(var name) -> resolver.resolve(lookup.key.isolationKey, name);
          case DnsQuestion.Pointer(var address) ->
              resolver.resolvePtr(lookup.key.isolationKey, address);
          case DnsQuestion.Settled settled ->
              throw new IllegalStateException("nothing to ask for " + settled);
        };
    lookup.answer = answer;
    answer.addListener(done -> {
      if (loop.inEventLoop()) {
        onAnswer(lookup, done);
      } else {
        loop.execute(() -> onAnswer(lookup, done));
      }
    });
  }

  private void onAnswer(Lookup lookup, Future<?> done) {
    if (!done.isSuccess()) {
      var refused = done.cause() instanceof SocksException.Refused reply ? reply : null;
      boolean unknown = refused != null && saysUnknown(refused);
      if (refused != null
          && refused.reply() == SocksReply.HOST_UNREACHABLE
          && !lookup.doubted
          && lookups.get(lookup.key) == lookup) {
        // Tor says the same when the exit's resolver has only stumbled.
        lookup.doubted = true;
        ask(lookup);
        return;
      }
      var outcome =
          done.cause() instanceof SocksException cause && cause.isTemporary()
              ? DnsEvent.OVERLOADED
              : DnsEvent.LOOKUP_FAILED;
      finish(lookup, unknown ? DnsEvent.NAME_UNKNOWN : outcome, null);
      return;
    }
    switch (done.getNow()) {
      case Inet4Address address ->
          finish(lookup, DnsEvent.ANSWERED, new DnsRecord(DnsRecord.A, address.getAddress()));
      case String text -> onPointer(lookup, text);
      default -> finish(lookup, DnsEvent.FAMILY_EMPTY, null);
    }
  }

  private void onPointer(Lookup lookup, String text) {
    byte[] target = WireName.ofHost(text);
    if (target == null) {
      finish(lookup, DnsEvent.ANSWER_INVALID, null);
    } else {
      finish(lookup, DnsEvent.ANSWERED, new DnsRecord(DnsRecord.PTR, target));
    }
  }

  /**
   * Whether a refusal means that the remote end does not know the name. Tor says "host unreachable"
   * for that; the codes about onion services say it of theirs.
   */
  private static boolean saysUnknown(SocksException.Refused refused) {
    return switch (refused.reply()) {
      case HOST_UNREACHABLE,
          ONION_DESCRIPTOR_NOT_FOUND,
          ONION_DESCRIPTOR_INVALID,
          ONION_INTRODUCTION_FAILED,
          ONION_RENDEZVOUS_FAILED,
          ONION_AUTHORIZATION_MISSING,
          ONION_AUTHORIZATION_WRONG,
          ONION_ADDRESS_INVALID,
          ONION_INTRODUCTION_TIMED_OUT ->
          true;
      case GENERAL_FAILURE,
          NOT_ALLOWED,
          NETWORK_UNREACHABLE,
          CONNECTION_REFUSED,
          TTL_EXPIRED,
          COMMAND_NOT_SUPPORTED,
          ADDRESS_TYPE_NOT_SUPPORTED,
          UNASSIGNED ->
          false;
    };
  }

  private void finish(Lookup lookup, DnsEvent outcome, @Nullable DnsRecord answer) {
    if (end(lookup)) {
      lookup.waiters.forEach(waiter -> settle(waiter, outcome, answer));
    }
  }

  /** Ends a lookup, whose queries have no answer yet; false if it has ended before. */
  private boolean end(Lookup lookup) {
    if (!lookups.remove(lookup.key, lookup)) {
      return false;
    }
    if (lookup.timer != null) {
      lookup.timer.cancel(false);
    }
    if (lookup.answer != null) {
      lookup.answer.cancel(false);
    }
    shares.remove(lookup, lookup.waiters.size());
    return true;
  }

  private void settle(Waiter waiter, DnsEvent outcome, @Nullable DnsRecord answer) {
    counters.add(outcome);
    waiter.reply.accept(waiter.query.respond(outcome, answer));
  }
}
