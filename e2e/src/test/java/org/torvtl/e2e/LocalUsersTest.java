/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Other users of the gateway's machine get nothing of what guests send, and start nothing. */
@OnTestbed
class LocalUsersTest {
  private static final String DEVICE = "tap9";
  private static final String THIEF = "61234";
  private static final int PORT = 19061;
  private static final Duration SOON = Duration.ofSeconds(20);
  private static final Duration RECOVERY = Duration.ofMinutes(1);

  /** Takes a place as soon as it is free, and tells what it hears there. */
  private static final String TAKE_PLACE =
      """
      import os, socket, sys, time
      where = sys.argv[1]
      unix = where.startswith('/')
      s = None
      while s is None:
        try:
          s = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
          s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
          if unix and os.path.exists(where): os.unlink(where)
          s.bind(where if unix else ('127.0.0.1', int(where)))
          s.listen(50)
        except PermissionError:
          print('denied', flush=True)
          sys.exit(0)
        except OSError:
          s = None
          time.sleep(0.005)
      if unix: os.chmod(where, 0o777)
      print('listening', flush=True)
      while True:
        c = s.accept()[0]
        heard = b''
        try:
          heard = c.recv(3)
          c.sendall(b'\\x05\\x02')
          heard += c.recv(1000)
        except OSError:
          pass
        print('heard', heard.hex() or 'nothing', flush=True)
        c.close()
      """;

  private final Testbed testbed;
  private final Machine machine;

  LocalUsersTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  private static List<String> as(String user, String... command) {
    var words = new ArrayList<>(List.of("setpriv", "--reuid=" + user, "--clear-groups"));
    words.addAll(List.of(command));
    return words;
  }

  private RunningCommand thief(String place) throws Exception {
    return machine.start(as(THIEF, "/usr/bin/python3", "-u", "-c", TAKE_PLACE, place));
  }

  private static CommandResult fetch(Guest guest) throws Exception {
    return guest.curl(SOON.multipliedBy(2), "--fail", "--max-time", "20", "http://web.lab.test/");
  }

  private Guest guestBehind(Gateway gateway) throws Exception {
    var guest = testbed.guestBehind(gateway);
    guest.configure("10.0.0.3/8", "10.0.0.1");
    return guest;
  }

  /** A program of the guest's that has said something, been answered, and waits. */
  private static RunningCommand idleConnection(Guest guest, String server) throws Exception {
    var connection =
        guest.start(
            List.of(
                "bash",
                "-c",
                "exec 3<>/dev/tcp/%s/7; echo on >&3; read -r -u 3 a; echo \"$a\"; read -r -u 3 a"
                    .formatted(server)));
    connection.awaitLine("on", SOON);
    return connection;
  }

  // A tor of our own.

  @Test
  void nobodyTakesThePlaceOfTheGatewaysOwnTor() throws Exception {
    try (var gateway = testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc())) {
      var tor = gateway.tor().orElseThrow();
      assertThat(gateway.log()).contains("unix:/run/torvtl/" + DEVICE + "/socks");
      assertThat(machine.script("ss -H -ltnp").out())
          .doesNotContain("pid=" + Machine.pidWithin(tor) + ",");
      var guest = guestBehind(gateway);
      assertThat(fetch(guest).exitStatus()).isZero();
      var server = guest.resolve("web.lab.test");
      try (var idle = idleConnection(guest, server);
          var socks = thief("/run/torvtl/" + DEVICE + "/socks");
          var control = thief("/run/torvtl/" + DEVICE + "/control")) {
        Signal.KILL.to(tor);
        assertThat(idle.await(SOON).err()).containsIgnoringCase("connection reset");
        assertThat(socks.await(SOON).out()).isEqualTo("denied\n");
        assertThat(control.await(SOON).out()).isEqualTo("denied\n");
      }
      Waiting.until("the network to be back", RECOVERY, () -> fetch(guest).exitStatus() == 0);
      testbed.remove(guest);
    }
  }

  // A tor of somebody else's.

  @Test
  void theListenerOfAnotherUserIsNotSpokenTo() throws Exception {
    var tor = testbed.clientTor(PORT);
    var port = Integer.toString(PORT);
    try (var gateway = testbed.gateway(DEVICE, "-a", PrivateLab.SOCKS_ADDRESS, "-p", port)) {
      var guest = guestBehind(gateway);
      assertThat(fetch(guest).exitStatus()).isZero();
      var server = guest.resolve("web.lab.test");
      try (var thief = thief(port);
          var idle = idleConnection(guest, server)) {
        tor.kill();
        thief.awaitLine("listening", SOON);
        assertThat(idle.await(SOON).err()).containsIgnoringCase("connection reset");
        assertNothingIsHeard(thief, gateway, guest, server, "127.0.0.1:" + port);
      }
      tor.restart();
      Waiting.until("the network to be back", RECOVERY, () -> fetch(guest).exitStatus() == 0);
      assertThat(gateway.log()).contains("is that of user 0 again");
      testbed.remove(guest);
    } finally {
      tor.close();
    }
  }

  @Test
  void aUnixSocketServesAndTheOneOfAnotherUserIsNotSpokenTo() throws Exception {
    var folder = "/run/unix-tor";
    // Anybody may put a socket there: the path alone proves nothing.
    machine.script("mkdir -m 777 \"$1\"; mkdir -m 700 \"$1\"/tor", folder);
    Files.writeString(
        machine.file(folder + "/tor/torrc"),
        """
        SocksPort unix:%s/tor/socks
        DataDirectory %s/tor/data
        Log notice stdout
        %%include %s
        """
            .formatted(folder, folder, testbed.lab().clientTorrc()));
    try (var tor =
        machine.start(
            List.of("tor", "--defaults-torrc", "/dev/null", "-f", folder + "/tor/torrc"))) {
      tor.awaitOutput("its bootstrap", text -> text.contains("Bootstrapped 100%"), RECOVERY);
      machine.script(
          "mv \"$1\"/tor/socks \"$1\"/socks; chmod 666 \"$1\"/socks; chmod 711 \"$1\"/tor", folder);
      try (var gateway = testbed.gateway(DEVICE, "-a", "unix:" + folder + "/socks")) {
        assertThat(gateway.log()).contains("goes through Tor at unix:" + folder + "/socks");
        var guest = guestBehind(gateway);
        assertThat(fetch(guest).out()).contains("You came from");
        var server = guest.resolve("web.lab.test");
        var download =
            guest.script(
                SOON.multipliedBy(2), "curl -sS \"http://$1/bytes/3000000\" | sha256sum", server);
        assertThat(download.orThrow().out()).hasSizeGreaterThan(60);
        Signal.KILL.to(Machine.processOf(tor));
        try (var thief = thief(folder + "/socks")) {
          thief.awaitLine("listening", SOON);
          assertNothingIsHeard(thief, gateway, guest, server, "unix:" + folder + "/socks");
        }
        testbed.remove(guest);
      }
    } finally {
      machine.script("rm -r \"$1\"", folder);
    }
  }

  private static void assertNothingIsHeard(
      RunningCommand thief, Gateway gateway, Guest guest, String server, String place)
      throws Exception {
    for (int i = 0; i < 3; i++) {
      var refused = guest.curl(SOON, "http://" + server + "/");
      assertThat(refused.exitStatus()).as("%s", refused).isEqualTo(7);
    }
    assertThat(guest.run(SOON, "dig", "+time=3", "+tries=1", "web.lab.test").out())
        .doesNotContain("status: NOERROR");
    var heard = thief.output().lines().filter(line -> line.startsWith("heard")).toList();
    assertThat(heard).isNotEmpty().containsOnly("heard nothing");
    assertThat(gateway.log().lines())
        .filteredOn(line -> line.contains("a process of user " + THIEF + " listens at " + place))
        .hasSize(1);
  }

  // Directories that another user made first.

  /** As a user of no privilege but what a TAP takes, and what it takes to read the project. */
  private RunningCommand unprivileged(String... environment) throws Exception {
    var capabilities = "+net_admin,+dac_override";
    var words =
        new ArrayList<>(
            as(
                "games",
                "--regid=games",
                "--inh-caps=" + capabilities,
                "--ambient-caps=" + capabilities,
                "env",
                "-u",
                "XDG_RUNTIME_DIR",
                "XDG_STATE_HOME=/tmp/state"));
    words.addAll(List.of(environment));
    words.addAll(Machine.torvtl("run", "-d", DEVICE, "--torrc", "/tmp/client.torrc"));
    return machine.start(words);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // Its own, open to its victim.
        "mkdir -m 777 /tmp/torvtl-games; mkdir -m 777 /tmp/torvtl-games/tap9",
        // A link to a directory of the victim's.
        "ln -s /tmp/victim /tmp/torvtl-games",
        // A link to its own.
        "mkdir -m 777 /tmp/thief; ln -s /tmp/thief /tmp/torvtl-games",
        // A file.
        "touch /tmp/torvtl-games"
      })
  void aRunDirectoryThatAnotherMadeIsRefused(String trap) throws Exception {
    machine.script(
        """
        mkdir -m 700 /tmp/victim; chown games /tmp/victim
        cp "$1" /tmp/client.torrc; chmod 644 /tmp/client.torrc
        setpriv --reuid="$2" --clear-groups bash -euc "$3"
        """,
        testbed.lab().clientTorrc(),
        THIEF,
        trap);
    try (var command = unprivileged()) {
      var result = command.await(RECOVERY);
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err().strip().lines().toList()).hasSize(1);
      assertThat(result.err())
          .contains("cannot use /tmp/torvtl-games", "XDG_RUNTIME_DIR")
          .containsPattern("user " + THIEF + "|not a directory");
      assertThat(machine.script("ls -A /tmp/victim").out()).isEmpty();
    } finally {
      machine.script(
          "rm -rf /tmp/victim /tmp/thief /tmp/torvtl-games /tmp/state /tmp/client.torrc");
    }
  }

  @Test
  void aRunDirectoryOfOnesOwnInASharedFolderIsPrivate() throws Exception {
    machine.script(
        "cp \"$1\" /tmp/client.torrc; chmod 644 /tmp/client.torrc", testbed.lab().clientTorrc());
    try (var command = unprivileged()) {
      command.awaitLine("ready", RECOVERY);
      assertThat(
              machine
                  .script("stat -c '%a %U %F' /tmp/torvtl-games /tmp/torvtl-games/tap9")
                  .out()
                  .lines())
          .containsOnly("700 games directory");
      Signal.TERM.to(Machine.processOf(command));
      command.await(SOON);
      assertThat(machine.script("ls -A /tmp").out()).doesNotContain("torvtl-games");
    } finally {
      machine.script("rm -rf /tmp/torvtl-games /tmp/state /tmp/client.torrc");
    }
  }

  // Captures.

  private List<String> withCapture(String... arguments) {
    var words =
        new ArrayList<>(
            List.of(
                "run",
                "-d",
                DEVICE,
                "-a",
                PrivateLab.SOCKS_ADDRESS,
                "-p",
                Integer.toString(PrivateLab.SOCKS_PORT)));
    words.addAll(List.of(arguments));
    return Machine.torvtl(words.toArray(String[]::new));
  }

  @Test
  void aCaptureIsANewFileOfTheOwnersAlone() throws Exception {
    machine.script(
        "setpriv --reuid=\"$1\" --clear-groups bash -c 'echo bait >/tmp/x.pcapng; chmod 666 /tmp/x.pcapng'",
        THIEF);
    try {
      var result = machine.start(withCapture("--pcap", "/tmp/x.pcapng")).await(SOON);
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err()).contains("/tmp/x.pcapng", "already", "--pcap-overwrite");
      assertThat(machine.script("cat /tmp/x.pcapng").out()).isEqualTo("bait\n");

      var words =
          List.of(
              "-a",
              PrivateLab.SOCKS_ADDRESS,
              "-p",
              Integer.toString(PrivateLab.SOCKS_PORT),
              "--pcap",
              "/tmp/x.pcapng",
              "--pcap-overwrite");
      try (var gateway = testbed.gateway(DEVICE, words.toArray(String[]::new))) {
        var guest = guestBehind(gateway);
        assertThat(fetch(guest).exitStatus()).isZero();
        testbed.remove(guest);
      }
      assertThat(machine.script("stat -c '%a %u %h' /tmp/x.pcapng").line()).isEqualTo("600 0 1");
      assertThat(machine.script("tcpdump -nr /tmp/x.pcapng 2>/dev/null").out())
          .contains("10.0.0.3");
    } finally {
      machine.script("rm -f /tmp/x.pcapng");
    }
  }

  @Test
  void aCaptureOnStandardOutputIsAllThatIsThere() throws Exception {
    var command = withCapture("--pcap", "-");
    var words = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" >/tmp/out.pcapng", "bash"));
    words.addAll(command);
    try (var running = machine.start(words)) {
      running.awaitLine("ready", RECOVERY);
      try (var guest = new Guest(machine, "guest-" + DEVICE, DEVICE)) {
        guest.configure("10.0.0.3/8", "10.0.0.1");
        testbed.noteGuestAddress("10.0.0.3");
        assertThat(fetch(guest).exitStatus()).isZero();
        Signal.TERM.to(Machine.processOf(running));
        var result = running.await(SOON);
        assertThat(result.err()).contains("ready: " + DEVICE);
      }
      assertThat(machine.script("tcpdump -nr /tmp/out.pcapng").out()).contains("10.0.0.3");
      assertThat(machine.script("head -c 4 /tmp/out.pcapng | od -An -tx1").line().strip())
          .isEqualTo("0a 0d 0d 0a");
    } finally {
      machine.script("rm -f /tmp/out.pcapng");
    }
  }

  @Test
  void aBoundedCaptureStaysWithinIt() throws Exception {
    var words =
        List.of(
            "-a",
            PrivateLab.SOCKS_ADDRESS,
            "-p",
            Integer.toString(PrivateLab.SOCKS_PORT),
            "--pcap",
            "/tmp/y.pcapng",
            "--pcap-size",
            "1M");
    try {
      try (var gateway = testbed.gateway(DEVICE, words.toArray(String[]::new))) {
        var guest = guestBehind(gateway);
        guest
            .curl(RECOVERY, "--fail", "-o", "/dev/null", "http://web.lab.test/bytes/4000000")
            .orThrow();
        // As an unprivileged user it goes on, in files that it could not make any more.
        assertThat(gateway.log()).doesNotContain("cannot write");
        testbed.remove(guest);
      }
      long bytes = 0;
      for (var file : List.of("/tmp/y.pcapng", "/tmp/y.pcapng.1")) {
        long size = Files.size(machine.file(file));
        assertThat(size).isBetween(1_000L, 1L << 19);
        bytes += size;
        assertThat(machine.script("tcpdump -nr \"$1\" 2>/dev/null", file).out()).isNotBlank();
        assertThat(machine.script("stat -c '%a %u' \"$1\"", file).line()).isEqualTo("600 0");
      }
      assertThat(bytes).isGreaterThan(1L << 18);
    } finally {
      machine.script("rm -f /tmp/y.pcapng /tmp/y.pcapng.1");
    }
  }
}
