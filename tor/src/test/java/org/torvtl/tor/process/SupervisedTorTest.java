/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * With real tor, which is told of authorities that are not there: it never gets further than
 * 127.0.0.1.
 */
@Timeout(60)
class SupervisedTorTest {
  private Path directory = Path.of("unset");
  private SupervisedTor.Options options =
      new SupervisedTor.Options("tap0", Path.of("unset"), null, null);
  private final BlockingQueue<SupervisedTor.Event> events = new LinkedBlockingQueue<>();

  @BeforeEach
  void nowhereToGo(@TempDir Path fresh) throws IOException {
    directory = fresh;
    options =
        new SupervisedTor.Options(
            "tap0",
            directory.resolve("run"),
            directory.resolve("state"),
            Files.writeString(directory.resolve("user torrc"), nowhere("")));
  }

  private static String nowhere(String more) {
    var lines = new StringBuilder("TestingTorNetwork 1\n");
    for (int i = 1; i <= 3; i++) {
      lines.append(
          "DirAuthority a%d orport=%d v3ident=%s 127.0.0.1:%d %s\n"
              .formatted(
                  i, i, Integer.toString(i).repeat(40), i + 3, Integer.toString(i + 3).repeat(40)));
    }
    return lines.append(more).toString();
  }

  private <E extends SupervisedTor.Event> E next(Class<E> type) throws InterruptedException {
    while (true) {
      var event = events.poll(30, TimeUnit.SECONDS);
      assertThat(event).as("an event of " + type.getSimpleName()).isNotNull();
      if (type.isInstance(event)) {
        return type.cast(event);
      }
    }
  }

  private static void assertAnswersSocks(SupervisedTor tor) throws IOException {
    try (var channel = SocketChannel.open(tor.socksAddress())) {
      channel.write(ByteBuffer.wrap(new byte[] {5, 1, 2}));
      assertThat(Channels.newInputStream(channel).readNBytes(2)).containsExactly(5, 2);
    }
  }

  @Test
  void startsAndLeavesOnlyItsState() throws Exception {
    long pid;
    try (var tor = SupervisedTor.start(options, events::add)) {
      pid = tor.pid();
      assertThat(next(SupervisedTor.Event.Up.class).socks()).isEqualTo(tor.socksAddress());
      assertThat(tor.socksAddress().getPath()).isEqualTo(directory.resolve("run/tap0/socks"));
      assertThat(listeners(tor)).allMatch(l -> l.address() instanceof UnixDomainSocketAddress);
      assertAnswersSocks(tor);
      assertThat(tor.controlSocket()).exists();
      assertThat(tor.cookieFile()).exists();
    }
    assertThat(ProcessIdentity.of(pid)).isEmpty();
    assertThat(directory.resolve("run")).doesNotExist();
    assertThat(directory.resolve("state").resolve("state")).exists();
  }

  @Test
  void startsAgainOnTheSameSocketWhenItDies() throws Exception {
    try (var tor = SupervisedTor.start(options, events::add)) {
      var first = next(SupervisedTor.Event.Up.class);
      long pid = tor.pid();
      assertThat(ProcessHandle.of(pid).orElseThrow().destroyForcibly()).isTrue();
      var down = next(SupervisedTor.Event.Down.class);
      assertThat(down.reason()).contains("tor was killed by signal 9");
      assertThat(down.next()).isPositive();
      assertThat(next(SupervisedTor.Event.Up.class)).isEqualTo(first);
      assertThat(tor.pid()).isNotEqualTo(pid);
      assertAnswersSocks(tor);
    }
  }

  @Test
  void waitsLongerEachTimeWhileTheSocketCannotBeMade() throws Exception {
    try (var tor = SupervisedTor.start(options, events::add)) {
      var socks = next(SupervisedTor.Event.Up.class).socks();
      ProcessHandle.of(tor.pid()).orElseThrow().destroyForcibly();
      var down = next(SupervisedTor.Event.Down.class);
      Files.delete(socks.getPath());
      Files.createDirectories(socks.getPath().resolve("full"));
      var again = next(SupervisedTor.Event.Down.class);
      assertThat(again.reason()).contains("cannot start tor").contains("Could not unlink");
      assertThat(again.next()).isGreaterThan(down.next());
      RunDirectory.delete(socks.getPath());
      assertThat(next(SupervisedTor.Event.Up.class).socks()).isEqualTo(socks);
      assertAnswersSocks(tor);
    }
  }

  /** While it is up and while it is down. */
  @Test
  void nobodyElseCanTakeItsPlace() throws Exception {
    // So that only the run directory is in the way.
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
    try (var tor = SupervisedTor.start(options, events::add)) {
      assertThat(byAnother("connect", tor.socksAddress().getPath())).contains("PermissionError");
      assertThat(byAnother("connect", tor.controlSocket())).contains("PermissionError");
      ProcessHandle.of(tor.pid()).orElseThrow().destroyForcibly();
      next(SupervisedTor.Event.Down.class);
      assertThat(byAnother("unlink", tor.socksAddress().getPath())).contains("PermissionError");
      assertThat(byAnother("bind", tor.socksAddress().getPath())).contains("PermissionError");
    }
  }

  /** What the system answers another user who does something with a socket. */
  private static String byAnother(String deed, Path socket) throws IOException {
    var program =
        """
        import os, socket, sys
        s = socket.socket(socket.AF_UNIX)
        dict(connect=s.connect, bind=s.bind, unlink=os.unlink)[sys.argv[1]](sys.argv[2])
        """;
    var process =
        new ProcessBuilder(
                "setpriv",
                "--reuid=61234",
                "--clear-groups",
                "/usr/bin/python3",
                "-c",
                program,
                deed,
                socket.toString())
            .redirectErrorStream(true)
            .start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @Test
  void aPathTooLongForASocketIsSaidAtOnce() {
    var deep = directory.resolve("x".repeat(90));
    var long107 = new SupervisedTor.Options("tap0", deep, options.state(), options.userTorrc());
    assertThatThrownBy(() -> SupervisedTor.prepare(long107, events::add, null))
        .hasMessageContaining("at most 107 bytes")
        .hasMessageContaining("XDG_RUNTIME_DIR");
    assertThat(deep).doesNotExist();
  }

  @Test
  void pathsMayHaveBlanksAndQuotes() throws Exception {
    var odd =
        new SupervisedTor.Options(
            "tap0", directory.resolve("a \"b\"#\\c"), options.state(), options.userTorrc());
    try (var tor = SupervisedTor.start(odd, events::add)) {
      assertAnswersSocks(tor);
      assertThat(tor.controlSocket()).exists();
    }
  }

  @Test
  void aStateDirectoryOfAnotherIsRefused() throws Exception {
    var state = Files.createDirectories(Objects.requireNonNull(options.state()));
    new FileOwner(61_234, 61_235).give(state);
    assertThatThrownBy(() -> SupervisedTor.start(options, events::add))
        .hasMessageContaining("cannot use " + state)
        .hasMessageContaining("user 61234");
    assertThat(directory.resolve("run")).doesNotExist();
  }

  @Test
  void takesItsOwnSocksPortNotTheUsers() throws Exception {
    Files.writeString(
        directory.resolve("user torrc"), nowhere("SocksPort 127.0.0.1:auto NoIsolateSOCKSAuth\n"));
    try (var tor = SupervisedTor.start(options, events::add)) {
      assertThat(listeners(tor))
          .filteredOn(l -> l.kind().equals("Socks"))
          .hasSize(2)
          .contains(new TorLog.Entry.Listener("Socks", tor.socksAddress()));
      assertAnswersSocks(tor);
    }
  }

  private static List<TorLog.Entry.Listener> listeners(SupervisedTor tor) {
    return tor.logTail().stream()
        .flatMap(line -> TorLog.parse(line).stream())
        .filter(TorLog.Entry.Listener.class::isInstance)
        .map(TorLog.Entry.Listener.class::cast)
        .toList();
  }

  @Test
  void isClosedBeforeItIsStarted() throws Exception {
    var tor = SupervisedTor.prepare(options, events::add, null);
    assertThat(directory.resolve("run")).isNotEmptyDirectory();
    tor.close();
    assertThat(directory.resolve("run")).doesNotExist();
    assertThatThrownBy(tor::start).isInstanceOf(IllegalStateException.class);
    assertThat(tor.bootstrapped()).isCompletedExceptionally();
  }

  @Test
  void isClosedWhileItStarts() throws Exception {
    var tor = SupervisedTor.prepare(options, events::add, null);
    var starting =
        CompletableFuture.runAsync(() -> {
          try {
            tor.start();
          } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    while (tor.pid() < 0 && !starting.isDone()) {
      Thread.onSpinWait();
    }
    tor.close();
    assertThat(ProcessIdentity.of(tor.pid())).isEmpty();
    assertThat(directory.resolve("run")).doesNotExist();
    // Whether it was up before it was closed is a matter of luck; that it ends is not.
    assertThat(starting.handle((done, e) -> true).get(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void theTorrcIsReadBeforeTheStart() throws Exception {
    var user = Objects.requireNonNull(options.userTorrc());
    try (var tor = SupervisedTor.prepare(options, events::add, null)) {
      Files.delete(user);
      tor.start();
      assertAnswersSocks(tor);
      ProcessHandle.of(tor.pid()).orElseThrow().destroyForcibly();
      next(SupervisedTor.Event.Down.class);
      next(SupervisedTor.Event.Up.class);
      assertAnswersSocks(tor);
    }
  }

  @Test
  void rootPreparesTheDirectoriesForAnother() throws Exception {
    var user = new FileOwner(61_234, 61_235);
    var state = Objects.requireNonNull(options.state());
    try (var tor = SupervisedTor.prepare(options, events::add, user)) {
      for (var path : List.of(state, tor.controlSocket().getParent())) {
        assertThat(Files.getAttribute(path, "unix:uid")).isEqualTo(user.uid());
        assertThat(Files.getAttribute(path.getParent(), "unix:uid")).isEqualTo(0);
      }
    }
    assertThat(directory.resolve("run")).doesNotExist();
    assertThat(state).exists();
  }

  /** Or it would go on writing its own files among the new user's. */
  @Test
  void endsTheTorOfAKilledOwnerWhoWasAnother() throws Exception {
    var state = Files.createDirectories(Objects.requireNonNull(options.state()));
    var orphan = new ProcessBuilder("setsid", "sleep", "300").start();
    try {
      Files.writeString(
          state.resolve("torvtl.tor"), ProcessIdentity.of(orphan.pid()).orElseThrow().toString());
      SupervisedTor.prepare(options, events::add, new FileOwner(61_234, 61_235)).close();
      assertThat(orphan.waitFor(1, TimeUnit.SECONDS)).isTrue();
    } finally {
      orphan.destroyForcibly();
    }
  }

  /** A user could have root end any process by a note that names it. */
  @Test
  void endsNothingThatIsNotTheOldOwners() throws Exception {
    var state = Files.createDirectories(Objects.requireNonNull(options.state()));
    var other = new ProcessBuilder("setsid", "sleep", "300").start();
    try {
      Files.writeString(
          state.resolve("torvtl.tor"), ProcessIdentity.of(other.pid()).orElseThrow().toString());
      new FileOwner(61_234, 61_235).give(state);
      SupervisedTor.prepare(options, events::add, new FileOwner(61_236, 61_237)).close();
      assertThat(other.isAlive()).isTrue();
    } finally {
      other.destroyForcibly();
    }
  }

  @Test
  void saysWhyTorWouldNotStart() throws Exception {
    Files.writeString(directory.resolve("user torrc"), nowhere("NoSuchOption 1\n"));
    assertThatThrownBy(() -> SupervisedTor.start(options, events::add))
        .isInstanceOf(TorException.class)
        .hasMessageContaining("cannot start tor")
        .hasMessageContaining("NoSuchOption");
    assertThat(directory.resolve("run")).doesNotExist();
  }

  @Test
  void doesNotShareItsState() throws Exception {
    try (var tor = SupervisedTor.start(options, events::add)) {
      assertThat(tor.pid()).isPositive();
      var second =
          new SupervisedTor.Options(
              "tap1", options.runBase(), options.state(), options.userTorrc());
      assertThatThrownBy(() -> SupervisedTor.start(second, events::add))
          .hasMessageContaining("tor state in use by process " + ProcessHandle.current().pid());
      assertAnswersSocks(tor);
    }
  }

  @Test
  void endsTheTorOfAKilledOwner() throws Exception {
    // What a gateway leaves that was killed: its tor, and the note of it.
    var orphan = new ProcessBuilder("setsid", "sleep", "300").start();
    PrivateDirectory.make(directory.resolve("state"));
    Files.writeString(
        directory.resolve("state").resolve("torvtl.tor"),
        ProcessIdentity.of(orphan.pid()).orElseThrow().toString());
    try (var tor = SupervisedTor.start(options, events::add)) {
      assertThat(orphan.waitFor(1, TimeUnit.SECONDS)).isTrue();
      assertAnswersSocks(tor);
    } finally {
      orphan.destroyForcibly();
    }
  }

  @Test
  void forgetsTheStateOfATestingNetwork() throws IOException {
    assertThat(SupervisedTor.Options.forDevice("tap0", options.userTorrc()).state()).isNull();
    assertThat(SupervisedTor.Options.forDevice("tap0", null).state()).isNotNull();
    assertThatThrownBy(() -> SupervisedTor.Options.forDevice("tap0", directory.resolve("none")))
        .hasMessageContaining("cannot read torrc")
        .hasMessageContaining("no such file");
  }

  @Test
  void saysHowToInstallTor() {
    assertThatThrownBy(() -> TorProcess.torBinary(directory.toString()))
        .hasMessage("cannot start tor: not found on the PATH (install it: apt-get install tor)");
  }

  @Test
  void aLauncherThatFailsIsTheReason() throws Exception {
    var torrc = directory.resolve("torrc");
    new Torrc().add("SocksPort", 0).write(torrc);
    try (var tor =
        TorProcess.start(torrc, List.of("nsenter", "--net=/no/such/namespace"), entry -> {})) {
      assertThat(tor.exited().get(10, TimeUnit.SECONDS)).isNotZero();
      assertThat(tor.failure()).contains("/no/such/namespace");
      assertThat(tor.bootstrapped()).isCompletedExceptionally();
      tor.stop(Duration.ofSeconds(1));
    }
  }
}
