/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The ports of a real tor, and programs that are no Tor: each that is not a SOCKS port that
 * isolates is named, by {@code run} and {@code doctor}, before anything is called ready. The tor is
 * not connected to any network, and need not be.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ProxyKindsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final String ONE_LINE = "[^\\n]{20,300}";

  private static final String TORRC =
      """
      DataDirectory /run/ports-tor
      SocksPort 127.0.0.1:9150
      SocksPort unix:/run/ports-tor/socks
      ControlPort 127.0.0.1:9151
      HTTPTunnelPort 127.0.0.1:9152
      TransPort 127.0.0.1:9153
      NATDPort 127.0.0.1:9154
      DNSPort 127.0.0.1:9155
      Log notice stdout
      """;

  /** Says "Listening" for each port; what it does on a connection is in the port's last digit. */
  private static final String SERVERS =
      """
      import socket, sys, threading
      def refusing(c): c.recv(3); c.sendall(bytes([5, 255]))
      def open_to_all(c): c.recv(3); c.sendall(bytes([5, 0]))
      def account(c): c.recv(3); c.sendall(bytes([5, 2])); c.recv(600); c.sendall(bytes([1, 1]))
      def socks4(c): c.sendall(bytes([0, 91, 0, 0, 0, 0, 0, 0])) if c.recv(9)[0] == 4 else None
      def http(c):
        while not c.recv(100).endswith(b'\\n'): pass
        c.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n')
      def silent(c):
        while c.recv(100): pass
      def ends(c): pass
      def serve(listener, behavior):
        while True:
          c = listener.accept()[0]
          def one():
            with c: behavior(c)
          threading.Thread(target=one, daemon=True).start()
      for i, behavior in enumerate([refusing, open_to_all, account, socks4, http, silent, ends]):
        listener = socket.create_server(('127.0.0.1', 9250 + i), backlog=20)
        threading.Thread(target=serve, args=(listener, behavior)).start()
      print('Listening', flush=True)
      """;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private RunningCommand tor;

  @BeforeAll
  void start() throws Exception {
    machine = Machine.boot();
    machine.script("mkdir -m 700 /run/ports-tor");
    Files.writeString(machine.file("/run/torrc"), TORRC);
    tor = machine.start(List.of("tor", "--defaults-torrc", "/dev/null", "-f", "/run/torrc"));
    tor.awaitOutput("'Bootstrapped 0%'", text -> text.contains("Bootstrapped 0%"), DEADLINE);
    machine
        .start(List.of("/usr/bin/python3", "-u", "-c", SERVERS))
        .awaitLine("Listening", DEADLINE);
  }

  @AfterAll
  void powerOff() throws Exception {
    machine.close();
  }

  private CommandResult torvtl(String... arguments) throws Exception {
    return machine.start(Machine.torvtl(arguments)).await(DEADLINE);
  }

  @ParameterizedTest
  @CsvSource({
    "9151, Tor's control port",
    "9152, HTTPTunnelPort",
    "9153, 'closes each connection at once, as Tor''s TransPort'",
    "9155, DNSPort",
    "9250, does not take a username and password",
    "9251, does not take a username and password",
    "9252, refuses torvtl's username and password",
    "9253, SOCKS4 only",
    "9254, an HTTP port",
    "9255, does not answer the greeting",
    "9256, closes each connection at once",
    "9299, Connection refused"
  })
  void whatIsNoSocksPortIsNamed(String port, String words) throws Exception {
    var run = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", port);
    assertThat(run.exitStatus()).as("%s", run).isEqualTo(1);
    assertThat(run.out()).isEmpty();
    assertThat(run.err().strip()).matches(ONE_LINE).contains("127.0.0.1:" + port, words);

    var doctor = torvtl("doctor", "-a", "127.0.0.1", "-p", port);
    assertThat(doctor.exitStatus()).as("%s", doctor).isEqualTo(1);
    assertThat(doctor.out())
        .containsPattern("(?m)^problem  Tor proxy: .*127\\.0\\.0\\.1:" + port)
        .contains(words, "fix: ");
  }

  /** It reads lines, and does not say a word. */
  @Test
  void torsNatdPortIsRefused() throws Exception {
    var run = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", "9154");
    assertThat(run.exitStatus()).as("%s", run).isEqualTo(1);
    assertThat(run.err().strip()).matches(ONE_LINE).contains("127.0.0.1:9154");
  }

  @Test
  void torsSocksPortIsReadyBeforeTorHasANetwork() throws Exception {
    for (var proxy :
        List.of(
            List.of("-a", "127.0.0.1", "-p", "9150"), List.of("-a", "unix:/run/ports-tor/socks"))) {
      var doctor =
          torvtl(Stream.concat(Stream.of("doctor"), proxy.stream()).toArray(String[]::new));
      assertThat(doctor.out())
          .containsPattern("(?m)^ok       Tor proxy: ")
          .doesNotContain("run directory");
      try (var gateway =
          Gateway.start(
              machine,
              "tap7",
              Stream.concat(proxy.stream(), Stream.of("--user", "root")).toArray(String[]::new))) {
        assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
      }
    }
    assertThat(tor.output()).doesNotContain("[warn] Socks version");
  }
}
