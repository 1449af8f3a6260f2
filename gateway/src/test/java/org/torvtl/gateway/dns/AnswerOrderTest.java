/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

/** In which order responses leave. */
class AnswerOrderTest extends DnsServiceWorld {
  /** GRUB 2.06 asks for A and AAAA with one identifier, and takes what comes first for both. */
  @Test
  void responsesToOneIdentifierLeaveInTheOrderOfTheirQueries() throws Exception {
    ask(service, client(5000), query("slow.example.com", Type.A, 7));
    ask(service, client(5000), query("fast.example.com", Type.A, 7));
    ask(service, client(5000), query("x.onion", Type.A, 7));
    wayOut.addresses.getLast().setSuccess(address("203.0.113.7"));
    assertThat(responses).isEmpty();
    wayOut.addresses.getFirst().setFailure(failure());
    assertThat(codes()).containsExactly(Rcode.SERVFAIL, Rcode.NOERROR, Rcode.NXDOMAIN);
    assertThat(service.waiting()).isZero();
  }

  @Test
  void responsesToOtherIdentifiersAndPortsDoNotWait() throws Exception {
    ask(service, client(5000), query("slow.example.com", Type.A, 7));
    ask(service, client(5000), query("x.onion", Type.A, 8));
    ask(service, client(5001), query("x.onion", Type.A, 7));
    assertThat(codes()).containsExactly(Rcode.NXDOMAIN, Rcode.NXDOMAIN);
  }

  @Test
  void whatWaitsForItsTurnIsBounded() throws Exception {
    ask(service, client(5000), query("slow.example.com", Type.A, 7));
    for (int i = 0; i < 100; i++) {
      ask(service, client(5000), query("x.onion", Type.A, 7));
    }
    assertThat(service.waiting()).isEqualTo(AnswerOrder.MOST);
    assertThat(counters.count(DnsEvent.DROPPED_QUEUE_FULL)).isEqualTo(101 - AnswerOrder.MOST);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(responses).hasSize(AnswerOrder.MOST);
    assertThat(service.waiting()).isZero();
  }

  @Test
  void whatWaitsForItsTurnLeavesWithItsGuest() throws Exception {
    ask(service, client(5000), query("slow.example.com", Type.A, 7));
    ask(service, client(5000), query("x.onion", Type.A, 7));
    service.forget(1);
    assertThat(responses).isEmpty();
    assertThat(service.waiting()).isZero();
  }
}
