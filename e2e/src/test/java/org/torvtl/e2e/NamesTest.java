/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** DNS over UDP and TCP, to whatever server the guest asks. */
@OnTestbed
class NamesTest {
  private static final Duration DEADLINE = Duration.ofSeconds(40);

  private final Guest guest;

  NamesTest(Testbed testbed) {
    this.guest = testbed.guest();
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.53", "9.9.9.9", "10.0.0.1", "10.200.200.200"})
  void anyServerKnowsTheAddressOfAName(String server) throws Exception {
    assertThat(dig("@" + server, "web.lab.test", "A"))
        .contains("status: NOERROR")
        .containsPattern("web\\.lab\\.test\\.\\s+\\d+\\s+IN\\s+A\\s+198\\.");
  }

  @Test
  void aNameOfAnAddressIsTheOneItHas() throws Exception {
    assertThat(dig("-x", guest.resolve("web.lab.test")))
        .contains("status: NOERROR")
        .containsPattern("IN\\s+PTR\\s+web\\.lab\\.test\\.");
  }

  @ParameterizedTest
  @ValueSource(strings = {"MX", "TXT", "SRV"})
  void aTypeTorCannotAskForHasAnEmptyAnswer(String type) throws Exception {
    assertThat(dig("web.lab.test", type))
        .contains("status: NOERROR")
        .contains("ANSWER: 0")
        .containsPattern("(?m)^\\.\\s+60\\s+IN\\s+SOA");
  }

  /** The name server of libraries that ask over TCP only; dig does for ANY. */
  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.53", "9.9.9.9", "10.0.0.1"})
  void anyServerAnswersOverTcp(String server) throws Exception {
    for (var type : List.of("A", "ANY")) {
      assertThat(dig("+tcp", "@" + server, "web.lab.test", type))
          .contains("status: NOERROR")
          .contains("(TCP)")
          .containsPattern("web\\.lab\\.test\\.\\s+\\d+\\s+IN\\s+A\\s+198\\.");
    }
    assertThat(dig("+tcp", "@" + server, "nosuch.lab.test", "A")).contains("status: NXDOMAIN");
  }

  /** Many queries on one connection, which is then ended on this side. RFC 7766. */
  @Test
  void queriesArePipelinedOverTcp() throws Exception {
    var script =
        """
        import socket, struct
        def query(i, name):
            labels = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.'))
            q = struct.pack('>HHHHHH', i, 0x100, 1, 0, 0, 0) + labels + b'\\0\\0\\1\\0\\1'
            return struct.pack('>H', len(q)) + q
        s = socket.create_connection(('192.0.2.53', 53))
        s.sendall(b''.join(query(i, 'name%d.many.lab.test' % i) for i in range(200)))
        s.shutdown(socket.SHUT_WR)
        read = s.makefile('rb')
        ids = []
        while head := read.read(2):
            answer = read.read(struct.unpack('>H', head)[0])
            i, flags, _, answers = struct.unpack('>HHHH', answer[:8])
            assert answers == 1 and flags & 15 == 0, (i, flags, answers)
            ids.append(i)
        print(len(ids), len(set(ids)))
        """;
    assertThat(guest.run(DEADLINE, "python3", "-c", script).orThrow().line()).isEqualTo("200 200");
  }

  /** A resolver that takes one type's answer for the name must not be told otherwise by another. */
  @ParameterizedTest
  @ValueSource(strings = {"A", "AAAA", "MX", "TXT", "TYPE65", "ANY"})
  void anUnknownNameIsUnknownForEveryType(String type) throws Exception {
    assertThat(dig("+notcp", "nosuch.lab.test", type))
        .contains("status: NXDOMAIN")
        .containsPattern("(?m)^\\.\\s+10\\s+IN\\s+SOA");
  }

  @Test
  void theSystemsResolverAgrees() throws Exception {
    assertThat(guest.run(DEADLINE, "getent", "ahosts", "web.lab.test").orThrow().out())
        .contains("198.");
    var unknown = guest.run(DEADLINE, "getent", "ahosts", "nosuch.lab.test");
    assertThat(unknown.exitStatus()).as("not found").isEqualTo(2);
  }

  /** Of 300 lookups at once 172 were refused. Each is asked for twice at most, as by a stub. */
  @Test
  @Tag("alone")
  void aBurstOfNamesIsAnswered() throws Exception {
    var script =
        """
        import socket, threading, collections
        outcomes = collections.Counter()
        def ask(i):
            try:
                socket.getaddrinfo('name%d.many.lab.test' % i, 80)
                outcomes['found'] += 1
            except socket.gaierror as e:
                outcomes[str(e)] += 1
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(300)]
        for t in threads: t.start()
        for t in threads: t.join()
        print(dict(outcomes))
        """;
    assertThat(guest.run(DEADLINE, "python3", "-c", script).orThrow().line())
        .isEqualTo("{'found': 300}");
  }

  /** A header that promises a question, and a label that ends nowhere. RFC 1035, section 4.1. */
  @Test
  void aMalformedQueryIsAnsweredAsSuch() throws Exception {
    var answer =
        guest
            .script(
                DEADLINE,
                """
                printf '\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x3f' |
                  nc -u -w 3 192.0.2.53 53 | od -An -v -tx1
                """)
            .orThrow()
            .line()
            .split("\\s+");
    assertThat(answer).as("a header and its identification").hasSizeGreaterThanOrEqualTo(12);
    assertThat(answer).startsWith("12", "34");
    assertThat(Integer.parseInt(answer[2], 16) & 0x80).as("the QR bit").isNotZero();
    assertThat(Integer.parseInt(answer[3], 16) & 0xF).as("RCODE FORMERR").isEqualTo(1);
  }

  private String dig(String... query) throws Exception {
    var command = new ArrayList<>(List.of("dig", "+tries=1", "+time=30"));
    command.addAll(List.of(query));
    return guest.start(command).await(DEADLINE).orThrow().out();
  }
}
