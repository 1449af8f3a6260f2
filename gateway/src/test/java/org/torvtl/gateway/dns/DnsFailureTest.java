/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.torvtl.egress.Answer;
import org.torvtl.egress.IsolationKey;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

/** A fault costs the query it happened to: no place is lost, and the others are answered. */
class DnsFailureTest extends DnsServiceWorld {
  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private void ask(DnsService of, int port, int id, String name, Consumer<ByteBuf> reply)
      throws IOException {
    var query = Unpooled.wrappedBuffer(query(name, Type.A, id));
    of.answer(client(port), query, () -> true, reply);
  }

  private static void fault(ByteBuf response) {
    response.release();
    throw new IllegalStateException("a fault in a reply");
  }

  private void answer(int lookup) throws Exception {
    wayOut.addresses.get(lookup).setSuccess(address("203.0.113.7"));
    channel.runPendingTasks();
  }

  /** It left its lookup in front of all others, and nothing was answered ever after. */
  @Test
  void aResponseThatFailsDoesNotStopLaterAnswers() throws Exception {
    ask(service, 5000, 1, "www.example", DnsFailureTest::fault);
    answer(0);
    ask(service, 5001, 2, "mail.example", this::accept);
    answer(1);
    assertThat(codes()).containsExactly(Rcode.NOERROR);
    assertThat(service.waiting()).isZero();
    assertThat(service.inFlight()).isZero();
  }

  @Test
  void aResponseThatFailsIsTheOnlyOneOfItsLookup() throws Exception {
    ask(service, 5000, 1, "www.example", DnsFailureTest::fault);
    ask(service, 5001, 2, "www.example", this::accept);
    ask(service, 5002, 3, "www.example", this::accept);
    answer(0);
    assertThat(codes()).containsExactly(Rcode.NOERROR, Rcode.NOERROR);
    assertThat(service.waiting()).isZero();
  }

  @Test
  void aResponseThatFailsDoesNotKeepThoseOfItsIdentifier() throws Exception {
    ask(service, 5000, 1, "www.example", DnsFailureTest::fault);
    ask(service, 5000, 1, "mail.example", this::accept);
    ask(service, 5000, 1, "ftp.example", this::accept);
    answer(2);
    answer(1);
    assertThat(responses).isEmpty();
    answer(0);
    assertThat(codes()).containsExactly(Rcode.NOERROR, Rcode.NOERROR);
    assertThat(service.waiting()).isZero();
  }

  @Test
  void thePlaceOfALookupWhoseResponseFailsIsFree() throws Exception {
    var bounded = service(new DnsLimits(2, 1, TIMEOUT));
    ask(bounded, 5000, 1, "www.example", DnsFailureTest::fault);
    ask(bounded, 5001, 2, "mail.example", this::accept);
    answer(0);
    assertThat(wayOut.asked).as("it has waited for that place").hasSize(2);
    answer(1);
    assertThat(codes()).containsExactly(Rcode.NOERROR);
  }

  /** It kept its place until its time was over, and so did those that waited. */
  @Test
  void aLookupThatCannotBeAskedForHasNoPlace() throws Exception {
    var faulty =
        new NameResolver() {
          @Override
          public Future<Answer> resolve(IsolationKey isolation, String name) {
            if (name.startsWith("fault")) {
              throw new IllegalStateException("a fault in a lookup");
            }
            return wayOut.resolve(isolation, name);
          }

          @Override
          public Future<Answer> resolvePtr(IsolationKey isolation, InetAddress address) {
            throw new AssertionError("not asked for");
          }
        };
    var bounded =
        new DnsService(channel.eventLoop(), faulty, new DnsLimits(2, 1, TIMEOUT), counters);
    assertThatThrownBy(() -> ask(bounded, 5000, 1, "fault.example", this::accept))
        .hasMessage("a fault in a lookup");
    assertThat(codes()).containsExactly(Rcode.SERVFAIL);
    assertThat(bounded.inFlight()).isZero();
    assertThat(bounded.waiting()).isZero();

    ask(bounded, 5000, 2, "www.example", this::accept);
    ask(bounded, 5001, 3, "fault.example", this::accept);
    ask(bounded, 5002, 4, "mail.example", this::accept);
    answer(0);
    assertThat(wayOut.asked).containsExactly(GUEST + " www.example", GUEST + " mail.example");
    answer(1);
    assertThat(codes())
        .containsExactly(Rcode.SERVFAIL, Rcode.NOERROR, Rcode.SERVFAIL, Rcode.NOERROR);
    assertThat(bounded.waiting()).isZero();
  }

  /**
   * Queries of one socket and identifier wait for their turn when they are given up, and free no
   * room: two guests with many of them had the first query of a third refused.
   */
  @Test
  void guestsWhoseQueriesWaitForTheirTurnKeepNobodyOut() throws Exception {
    var bounded = service(new DnsLimits(4, 2, TIMEOUT));
    for (int guest = 1; guest <= 2; guest++) {
      var flood = new DnsClient(guest, new IsolationKey("flood-" + guest), guest, 1, 5000, false);
      for (int i = 0; i < 16; i++) {
        ask(bounded, flood, query("name" + i + ".example", Type.A, 7));
      }
    }
    assertThat(bounded.waiting()).as("all the room there is").isEqualTo(32);
    ask(bounded, 3, "third", query("www.example", Type.A, 1));
    assertThat(wayOut.asked.getLast()).isEqualTo("third www.example");
    assertThat(bounded.waiting()).isLessThanOrEqualTo(32);
  }
}
