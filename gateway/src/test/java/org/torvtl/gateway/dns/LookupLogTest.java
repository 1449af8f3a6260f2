/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Type;

/** What -v tells of lookups, and that nothing is told without it. */
class LookupLogTest extends DnsServiceWorld {
  private final Logger logger = (Logger) LoggerFactory.getLogger(LookupLog.class);
  private final ListAppender<ILoggingEvent> events = new ListAppender<>();

  @BeforeEach
  void listen() {
    events.start();
    logger.addAppender(events);
    logger.setLevel(Level.DEBUG);
  }

  @AfterEach
  void stopListening() {
    logger.detachAppender(events);
    logger.setLevel(null);
  }

  private List<String> lines() {
    return events.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  @Test
  void oneLineTellsWhatBecameOfALookup() throws Exception {
    ask(query("wWw.example.com", Type.A));
    wayOut.addresses.get(0).setSuccess(address("203.0.113.7"));
    ask(query("six.example.com", Type.AAAA));
    wayOut.addresses.get(1).setSuccess(address("2001:db8::1"));
    ask(query("broken.example.com", Type.A));
    wayOut.addresses.get(2).setFailure(failure());
    ask(query("7.113.0.203.in-addr.arpa", Type.PTR));
    wayOut.names.getFirst().setSuccess("host.example.com");
    assertThat(lines())
        .allMatch(line -> line.matches("\\S+ \\S+:\\d+ asked for .*; \\d+\\.\\d{3} s"))
        .extracting(line -> line.replaceFirst("^.* asked for (.*); \\S+ s$", "$1"))
        .containsExactly(
            "www.example.com: 203.0.113.7",
            "six.example.com: it has no IPv4 address",
            "broken.example.com: Tor could not find out",
            "the name of 203.0.113.7: host.example.com");
  }

  @Test
  void nothingIsToldByDefault() throws Exception {
    logger.setLevel(Level.INFO);
    ask(query("www.example.com", Type.A));
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(lines()).isEmpty();
  }
}
