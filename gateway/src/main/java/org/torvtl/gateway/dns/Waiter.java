/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One query, from its arrival until its response has left. */
final class Waiter {
  final DnsClient client;
  final DnsQuery query;
  final long arrivedNanos;
  private final Consumer<ByteBuf> reply;
  private boolean settled;
  private @Nullable DnsEvent outcome;
  private @Nullable DnsRecord answer;

  Waiter(DnsClient client, DnsQuery query, long arrivedNanos, Consumer<ByteBuf> reply) {
    this.client = client;
    this.query = query;
    this.arrivedNanos = arrivedNanos;
    this.reply = reply;
  }

  /** Decides on the response, which leaves with {@link #leave}. */
  void settle(DnsEvent decided, @Nullable DnsRecord record) {
    settled = true;
    outcome = decided;
    answer = record;
  }

  /** Decides that there is no response. */
  void drop() {
    settled = true;
  }

  boolean isSettled() {
    return settled;
  }

  /** Gives the response out, if there is one. */
  void leave() {
    if (outcome != null) {
      reply.accept(query.respond(outcome, answer));
    }
  }
}
