/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import java.net.Inet4Address;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.Answer;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.IsolationKey;

/**
 * Answers DNS queries of guests. Belongs to one event loop: every method is called there, and every
 * response is given there.
 */
public final class DnsService {
  /** Of every record: Tor does not tell the real one. */
  public static final int TTL_SECONDS = 60;

  /**
   * How long a guest may remember that a name is unknown. Tor says the same of a name that could
   * not be looked up, so it is short: long enough for the types and suffixes that one call of a
   * program asks for.
   */
  public static final int UNKNOWN_TTL_SECONDS = 10;

  /**
   * After so long a query is not worth a lookup any more: stub resolvers have repeated it, or given
   * up, after 5 s. With the second more the repeated query finds its lookup still in its place.
   */
  static final long TOO_LATE_NANOS = TimeUnit.SECONDS.toNanos(6);

  /** Responses that one answer sets off before other work of the loop has its turn. */
  static final int MOST_AT_ONCE = 32;

  private final EventExecutor loop;
  private final NameResolver resolver;
  private final DnsLimits limits;
  private final DnsCounters counters;
  private final Map<LookupKey, Lookup> lookups = new HashMap<>();
  private final LookupShares shares;
  private final AnswerOrder order;
  private final Deque<Answered> answered = new ArrayDeque<>();

  /** Whether answers are being given, or are to be. */
  private boolean isAnswering;

  record LookupKey(IsolationKey isolationKey, DnsQuestion question)
      implements Comparable<LookupKey> {
    /** Any order. A guest can choose names that hash alike; the map compares their keys then. */
    @Override
    public int compareTo(LookupKey other) {
      int order = isolationKey.text().compareTo(other.isolationKey.text());
      return order != 0 ? order : question.toString().compareTo(other.question.toString());
    }
  }

  /** A lookup that is over, and whose queries have not all got its outcome yet. */
  private record Answered(Lookup lookup, DnsEvent outcome, @Nullable DnsRecord record) {}

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
    this.order = new AnswerOrder(shares::left);
    this.counters = counters;
  }

  /** Lookups under way. */
  public int inFlight() {
    return shares.inFlight();
  }

  /** Queries whose response has not left. */
  public int waiting() {
    return shares.waiting();
  }

  /**
   * Answers a query. Responses to queries of one socket with the same identifier leave in the order
   * of the queries.
   *
   * @param query one message from reader index to writer index; stays the caller's, unchanged
   * @param mayAsk asked before a new lookup, while the call lasts; if it says no, the query is
   *     dropped
   * @param reply takes the response, and owns it; must not throw; called once, at once or later.
   *     Over UDP it is never called if the query does not deserve a response, or is dropped; over
   *     TCP only if it is a response itself, has no header, or its owner was forgotten
   */
  public void answer(
      DnsClient client, ByteBuf query, BooleanSupplier mayAsk, Consumer<ByteBuf> reply) {
    if (!DnsQuery.hasHeader(query)) {
      counters.add(DnsEvent.DROPPED_TRUNCATED);
      return;
    }
    if (DnsQuery.isResponse(query)) {
      counters.add(DnsEvent.DROPPED_RESPONSE);
      return;
    }
    var read = DnsQuery.read(query);
    var waiter = new Waiter(client, read, loop.ticker().nanoTime(), reply);
    if (read.defect() != null) {
      settleAtOnce(waiter, read.defect());
    } else {
      switch (DnsQuestion.of(read.question())) {
        case DnsQuestion.Settled(DnsEvent reason) -> settleAtOnce(waiter, reason);
        case DnsQuestion question ->
            await(new LookupKey(client.isolationKey(), question), waiter, mayAsk);
      }
    }
  }

  /** Whether a query may have so many bytes. */
  public static boolean isQueryLength(int bytes) {
    return bytes >= DnsQuery.HEADER && bytes <= DnsQuery.MAX_LENGTH;
  }

  /** Whether a message that {@link #isQueryLength} is a response. */
  public static boolean isResponse(ByteBuf message) {
    return DnsQuery.isResponse(message);
  }

  /** Counts what became of a connection over which queries come. */
  public void count(DnsEvent event) {
    counters.add(event);
  }

  /** Gives up the lookups of an owner that has left: nothing of them is answered. */
  public void forget(long owner) {
    order.forget(owner);
    for (var lookup : List.copyOf(lookups.values())) {
      if (lookup.owner == owner) {
        end(lookup);
      }
    }
    answered.removeIf(done -> done.lookup.owner == owner);
    startQueued();
  }

  /** Gives up all lookups: their queries are answered SERVFAIL. */
  public void close() {
    for (var lookup : List.copyOf(lookups.values())) {
      end(lookup);
      answered.add(new Answered(lookup, DnsEvent.LOOKUP_FAILED, null));
    }
    while (!answered.isEmpty()) {
      answerSome();
    }
  }

  private void await(LookupKey key, Waiter waiter, BooleanSupplier mayAsk) {
    long owner = waiter.client.owner();
    if (!lookups.containsKey(key) && !mayAsk.getAsBoolean()) {
      refuse(waiter, DnsEvent.DROPPED_OVER_SHARE);
      return;
    }
    if (!admit(waiter)) {
      refuse(waiter, DnsEvent.DROPPED_QUEUE_FULL);
      return;
    }
    var joined = lookups.get(key);
    if (joined != null) {
      counters.add(DnsEvent.COALESCED);
      joined.waiters.add(waiter);
      return;
    }
    var lookup = new Lookup(owner, key);
    lookup.waiters.add(waiter);
    lookups.put(key, lookup);
    shares.enqueue(lookup);
    var evicted = shares.toEvict(owner);
    if (evicted != null) {
      finish(evicted, DnsEvent.EVICTED, null);
    } else {
      startQueued();
    }
    if (!lookup.isUnderWay && lookups.get(key) == lookup) {
      dropTooLate(lookup);
    }
  }

  /**
   * Counts a query among those that wait, and puts it in its order; {@code false} if it may not.
   */
  private boolean admit(Waiter waiter) {
    // What is given up may only wait for its turn, and free no room then.
    for (int i = 0; i < MOST_AT_ONCE && !shares.hasRoom(waiter.client.owner()); i++) {
      var dropped = shares.toDrop(waiter.client.owner());
      if (dropped == null) {
        return false;
      }
      giveUp(dropped);
    }
    if (!shares.hasRoom(waiter.client.owner()) || !order.add(waiter)) {
      return false;
    }
    shares.arrived(waiter);
    return true;
  }

  /** Gives a lookup up to make room. */
  private void giveUp(Lookup lookup) {
    if (lookup.isUnderWay) {
      finish(lookup, DnsEvent.EVICTED, null);
    } else {
      end(lookup);
      lookup.waiters.forEach(waiter -> drop(waiter, DnsEvent.DROPPED_QUEUE_FULL));
    }
  }

  /** Gives lookups that wait the places that are free. */
  private void startQueued() {
    for (var next = shares.next(); next != null; next = shares.next()) {
      start(next);
    }
  }

  private void start(Lookup lookup) {
    if (lookup.timer != null) {
      lookup.timer.cancel(false);
    }
    lookup.timer =
        loop.schedule(
            () -> finish(lookup, DnsEvent.LOOKUP_TIMED_OUT, null),
            limits.timeout().toNanos(),
            TimeUnit.NANOSECONDS);
    ask(lookup);
  }

  /**
   * Drops the queries of a lookup without a place that are too late, and sets a timer for others.
   */
  private void dropTooLate(Lookup lookup) {
    long now = loop.ticker().nanoTime();
    var waiters = lookup.waiters;
    while (!waiters.isEmpty() && now - waiters.element().arrivedNanos >= TOO_LATE_NANOS) {
      drop(waiters.remove(), DnsEvent.DROPPED_TOO_LATE);
    }
    if (waiters.isEmpty()) {
      end(lookup);
    } else {
      long left = TOO_LATE_NANOS - (now - waiters.element().arrivedNanos);
      lookup.timer = loop.schedule(() -> dropTooLate(lookup), left, TimeUnit.NANOSECONDS);
    }
  }

  /** A lookup that cannot be asked for is over at once, and its place is free. */
  private void ask(Lookup lookup) {
    try {
      lookup.answer = answerOf(lookup);
    } catch (RuntimeException | OutOfMemoryError e) {
      try {
        finish(lookup, DnsEvent.LOOKUP_FAILED, null);
      } catch (RuntimeException | OutOfMemoryError again) {
        e.addSuppressed(again);
      }
      throw e;
    }
    lookup.answer.addListener((Future<Answer> done) -> {
      if (loop.inEventLoop()) {
        onAnswer(lookup, done);
      } else {
        loop.execute(() -> onAnswer(lookup, done));
      }
    });
  }

  private Future<Answer> answerOf(Lookup lookup) {
    return switch (lookup.key.question) {
      case DnsQuestion.Address(var name) -> resolver.resolve(lookup.key.isolationKey, name);
      case DnsQuestion.Pointer(var address) ->
          resolver.resolvePtr(lookup.key.isolationKey, address);
      case DnsQuestion.Settled settled ->
          throw new IllegalStateException("nothing to ask for " + settled);
    };
  }

  private void onAnswer(Lookup lookup, Future<Answer> done) {
    if (!done.isSuccess()) {
      boolean isTemporary = done.cause() instanceof EgressException cause && cause.isTemporary();
      finish(lookup, isTemporary ? DnsEvent.OVERLOADED : DnsEvent.LOOKUP_FAILED, null);
      return;
    }
    switch (done.getNow()) {
      case Answer.Address(Inet4Address address) ->
          finish(lookup, DnsEvent.ANSWERED, new DnsRecord(DnsRecord.A, address.getAddress()));
      case Answer.Address _ -> finish(lookup, DnsEvent.FAMILY_EMPTY, null);
      case Answer.Name(String text) -> onPointer(lookup, text);
      case Answer.Unknown _ -> finish(lookup, DnsEvent.NAME_UNKNOWN, null);
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

  private void finish(Lookup lookup, DnsEvent outcome, @Nullable DnsRecord record) {
    if (!end(lookup)) {
      return;
    }
    LookupLog.tell(lookup, outcome, record, loop.ticker().nanoTime());
    answered.add(new Answered(lookup, outcome, record));
    try {
      if (!isAnswering) {
        answerNowAndLater();
      }
    } finally {
      // The place is free, whatever became of the answer.
      startQueued();
    }
  }

  /** Whatever one answer fails of, the others are given. */
  private void answerNowAndLater() {
    isAnswering = true;
    try {
      answerSome();
    } finally {
      if (answered.isEmpty()) {
        isAnswering = false;
      } else {
        loop.execute(this::answerNowAndLater);
      }
    }
  }

  /** Gives lookups that are over to queries that waited for them, to a bounded number. */
  private void answerSome() {
    for (int i = 0; i < MOST_AT_ONCE && !answered.isEmpty(); i++) {
      var first = answered.element();
      var waiter = first.lookup.waiters.remove();
      if (first.lookup.waiters.isEmpty()) {
        answered.remove();
      }
      settle(waiter, first.outcome, first.record);
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
    shares.remove(lookup);
    return true;
  }

  // What becomes of a query.

  /** Settles a query that waits. */
  private void settle(Waiter waiter, DnsEvent outcome, @Nullable DnsRecord record) {
    boolean isOther = record != null && !waiter.query.asksFor(record.type());
    decide(waiter, isOther ? DnsEvent.TYPE_EMPTY : outcome, isOther ? null : record);
    order.settled(waiter);
  }

  /** Settles a query that has just come. */
  private void settleAtOnce(Waiter waiter, DnsEvent outcome) {
    if (!order.hasEarlier(waiter)) {
      decide(waiter, outcome, null);
      waiter.leave();
    } else if (admit(waiter)) {
      settle(waiter, outcome, null);
    } else {
      refuse(waiter, DnsEvent.DROPPED_QUEUE_FULL);
    }
  }

  private void decide(Waiter waiter, DnsEvent outcome, @Nullable DnsRecord record) {
    counters.add(outcome);
    waiter.settle(outcome, record);
  }

  /** Drops a query that waits. */
  private void drop(Waiter waiter, DnsEvent reason) {
    if (waiter.client.isStream()) {
      decide(waiter, DnsEvent.OVERLOADED, null);
      order.settled(waiter);
    } else {
      counters.add(reason);
      waiter.drop();
      order.settled(waiter);
    }
  }

  /** Drops a query that has just come. */
  private void refuse(Waiter waiter, DnsEvent reason) {
    if (waiter.client.isStream()) {
      decide(waiter, DnsEvent.OVERLOADED, null);
      waiter.leave();
    } else {
      counters.add(reason);
    }
  }
}
