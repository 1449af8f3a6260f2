/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A tor of our own that stays up. See the package's description for its two directories and what
 * becomes of them.
 *
 * <p>Its SOCKS and control ports are Unix domain sockets in the run directory, which only this user
 * can enter: while tor is down nobody else can take them. Their paths stay the same until {@link
 * #close}. Streams with different SOCKS user names or passwords never share a circuit.
 */
public final class SupervisedTor implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SupervisedTor.class);
  private static final Duration START_DEADLINE = Duration.ofSeconds(30);
  private static final Duration STOP_DEADLINE = Duration.ofSeconds(5);
  private static final Duration FIRST_DELAY = Duration.ofMillis(500);
  private static final Duration LONGEST_DELAY = Duration.ofMinutes(1);

  private static final String CONTROL = "control";

  /** Of {@code sun_path}, without the byte of zero that ends it. unix(7). */
  private static final int MOST_PATH_BYTES = 107;

  /**
   * What to run and where.
   *
   * @param name the device it serves; names the run directory
   * @param runBase where the run directory is made
   * @param state tor's DataDirectory; null for one within the run directory, which is forgotten at
   *     the end
   * @param userTorrc more lines for the torrc, such as bridges; they come first, so that ours win;
   *     null for none
   */
  public record Options(String name, Path runBase, @Nullable Path state, @Nullable Path userTorrc) {
    /**
     * The directories of this system: for root {@code /run/torvtl} and {@code
     * /var/lib/torvtl/NAME}, for others below {@code XDG_RUNTIME_DIR} (or the temporary directory)
     * and {@code XDG_STATE_HOME}. State of a testing network is not kept: its guards have no place
     * beside those of the real one.
     *
     * @throws IOException if the user's torrc cannot be read
     */
    public static Options forDevice(String name, @Nullable Path userTorrc) throws IOException {
      boolean testing =
          userTorrc != null
              && readTorrc(userTorrc)
                  .lines()
                  .map(line -> line.strip().toLowerCase(Locale.ROOT))
                  .anyMatch(line -> line.matches("testingtornetwork\\s+1\\b.*"));
      return new Options(
          name, defaultRunBase(), testing ? null : defaultStateBase().resolve(name), userTorrc);
    }

    private static Path defaultRunBase() throws IOException {
      String runtime = System.getenv("XDG_RUNTIME_DIR");
      if (isRoot()) {
        return Path.of("/run/torvtl");
      }
      return runtime != null && !runtime.isEmpty()
          ? Path.of(runtime, "torvtl")
          : Path.of(
              System.getProperty("java.io.tmpdir"), "torvtl-" + System.getProperty("user.name"));
    }

    private static Path defaultStateBase() throws IOException {
      String state = System.getenv("XDG_STATE_HOME");
      if (isRoot()) {
        return Path.of("/var/lib/torvtl");
      }
      return state != null && !state.isEmpty()
          ? Path.of(state, "torvtl")
          : Path.of(System.getProperty("user.home"), ".local", "state", "torvtl");
    }

    private static boolean isRoot() throws IOException {
      return PrivateDirectory.effectiveUid() == 0;
    }
  }

  /** What happens to it. */
  public sealed interface Event {
    /** Its SOCKS port is open. Streams wait there until tor has bootstrapped. */
    record Up(UnixDomainSocketAddress socks) implements Event {}

    /**
     * It is on its way into the network; {@code percent} is 100 when it carries streams.
     *
     * @param tag the phase's name for programs, such as {@code conn_dir}; empty if tor tells none
     * @param summary the phase in words
     */
    record Bootstrap(int percent, String tag, String summary) implements Event {}

    /** Something that keeps it from its work, in its own words; it may repeat that. */
    record Warning(String text) implements Event {}

    /** It died unasked, or could not be started again; the next try is after {@code next}. */
    record Down(String reason, Duration next) implements Event {}
  }

  /** Is told each {@link Event}, one at a time, on a thread of the supervisor's; must not block. */
  @FunctionalInterface
  public interface Listener {
    void event(Event event);
  }

  private final Options options;
  private final String userLines;
  private final Listener listener;
  private final RunDirectory run;
  private final CompletableFuture<Void> bootstrapped = new CompletableFuture<>();
  private final CompletableFuture<Void> closing = new CompletableFuture<>();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final AtomicBoolean begun = new AtomicBoolean();
  private volatile @Nullable StateDirectory state;
  private volatile @Nullable TorProcess current;

  private SupervisedTor(Options options, String userLines, Listener listener, RunDirectory run) {
    this.options = options;
    this.userLines = userLines;
    this.listener = listener;
    this.run = run;
  }

  /**
   * Makes the directories, and reads the user's torrc. Root does this for another user, becomes
   * that user, and then calls {@link #start()}: nothing in the directories is touched by root once
   * they are the user's.
   *
   * @param user whom root makes the directories for; null to stay who we are
   * @throws TorException if tor is not installed; nothing is made then
   * @throws IOException if a directory cannot be made or is in use, or the torrc cannot be read
   */
  public static SupervisedTor prepare(Options options, Listener listener, @Nullable FileOwner user)
      throws IOException, InterruptedException {
    var unused = TorProcess.torBinary(System.getenv("PATH"));
    checkLength(options);
    String userLines = options.userTorrc() == null ? "" : readTorrc(options.userTorrc());
    var run = RunDirectory.create(options.runBase(), options.name(), user);
    try {
      Path kept = options.state();
      if (kept != null && user != null) {
        StateDirectory.prepare(kept, user);
      }
      return new SupervisedTor(options, userLines, listener, run);
    } catch (IOException | InterruptedException e) {
      run.close();
      throw e;
    }
  }

  /**
   * Makes the directories, starts tor, and returns when its SOCKS port is open; bootstrapping goes
   * on.
   *
   * @throws TorException if tor is not installed, or ended at once: with its reason
   * @throws IOException if a directory cannot be made or is in use
   */
  public static SupervisedTor start(Options options, Listener listener)
      throws IOException, InterruptedException {
    var tor = prepare(options, listener, null);
    try {
      tor.start();
      return tor;
    } catch (IOException | InterruptedException | RuntimeException e) {
      tor.close();
      throw e;
    }
  }

  /**
   * Starts tor, once, and returns when its SOCKS port is open; bootstrapping goes on.
   *
   * @throws TorException if tor is not installed, or ended at once: with its reason; or this was
   *     closed meanwhile
   * @throws IOException if the state directory is in use
   */
  public void start() throws IOException, InterruptedException {
    if (!begun.compareAndSet(false, true)) {
      throw new IllegalStateException("started or closed before");
    }
    boolean supervised = false;
    try {
      Path kept = options.state();
      state = StateDirectory.open(kept != null ? kept : run.path().resolve("state"));
      var process = launch();
      Thread.ofPlatform().daemon().name("tor-supervisor").start(() -> supervise(process));
      supervised = true;
    } finally {
      if (!supervised) {
        ended.countDown();
      }
    }
  }

  /** The longest of our sockets' paths must fit, for tor and for us. */
  private static void checkLength(Options options) throws IOException {
    var longest = options.runBase().resolve(options.name()).resolve(CONTROL).toAbsolutePath();
    int length = longest.toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > MOST_PATH_BYTES) {
      throw new IOException(
          "cannot use %s: a socket's path has at most %d bytes, this one %d (set XDG_RUNTIME_DIR to a shorter path)"
              .formatted(longest, MOST_PATH_BYTES, length));
    }
  }

  /** Where tor takes SOCKS connections; the same for as long as this lives. */
  public UnixDomainSocketAddress socksAddress() {
    return UnixDomainSocketAddress.of(run.path().resolve("socks").toAbsolutePath());
  }

  /** The control port: a Unix domain socket in the run directory. */
  public Path controlSocket() {
    return run.path().resolve(CONTROL);
  }

  /** The file with the secret that the control port asks for. */
  public Path cookieFile() {
    return run.path().resolve("control.cookie");
  }

  /** Tor's process id now; of the last one while it is down. */
  public long pid() {
    var tor = current;
    return tor == null ? -1 : tor.pid();
  }

  /** The last lines of tor's log. */
  public List<String> logTail() {
    var tor = current;
    return tor == null ? List.of() : tor.logTail();
  }

  /**
   * Completed when tor is at 100 % for the first time; with a {@link TorException} if this is
   * closed before.
   */
  public CompletableFuture<Void> bootstrapped() {
    return bootstrapped.copy();
  }

  /** Ends tor, and removes the run directory. Returns when both are gone. */
  @Override
  public void close() throws IOException {
    closing.complete(null);
    if (begun.compareAndSet(false, true)) {
      ended.countDown();
    }
    boolean interrupted = false;
    while (true) {
      try {
        ended.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    bootstrapped.completeExceptionally(
        new TorException("tor was stopped before it had bootstrapped"));
    try (run) {
      var directory = state;
      if (directory != null) {
        directory.close();
      }
    }
  }

  private TorProcess launch() throws IOException, InterruptedException {
    var directory = Objects.requireNonNull(state, "not started");
    var torrc = run.path().resolve("torrc");
    torrc(directory).write(torrc);
    var ear = new Ear();
    var tor = TorProcess.start(torrc, List.of(), ear);
    current = tor;
    directory.noteTor(tor.pid());
    try {
      CompletableFuture.anyOf(
              ear.opened,
              closing.thenCompose(end -> failed("closing")),
              tor.exited().thenApply(status -> tor.failure()).thenCompose(SupervisedTor::failed))
          .get(START_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
      listener.event(new Event.Up(socksAddress()));
      return tor;
    } catch (ExecutionException e) {
      if (closing.isDone()) {
        tor.close();
        throw new TorException("tor was stopped before it had started");
      }
      throw new TorException("cannot start tor: " + tor.failure());
    } catch (TimeoutException e) {
      tor.close();
      throw new TorException(
          "cannot start tor: no SOCKS port after " + START_DEADLINE.toSeconds() + " s");
    } catch (InterruptedException e) {
      tor.close();
      throw e;
    }
  }

  private static CompletableFuture<Void> failed(String reason) {
    return CompletableFuture.failedFuture(new TorException(reason));
  }

  /** Hears one run of tor. */
  private final class Ear implements Consumer<TorLog.Entry> {
    final CompletableFuture<Void> opened = new CompletableFuture<>();
    private boolean listens;

    @Override
    public void accept(TorLog.Entry entry) {
      switch (entry) {
        case TorLog.Entry.Listener l -> {
          // The user's own lines may open others.
          listens |= l.address().equals(socksAddress());
        }
        case TorLog.Entry.Bootstrap b -> {
          if (listens) {
            opened.complete(null);
          }
          listener.event(new Event.Bootstrap(b.percent(), b.tag(), b.summary()));
          if (b.percent() == 100) {
            bootstrapped.complete(null);
          }
        }
        case TorLog.Entry.Problem p -> listener.event(new Event.Warning(p.text()));
      }
    }
  }

  private Torrc torrc(StateDirectory directory) {
    return new Torrc()
        .addVerbatim(userLines)
        .add("DataDirectory", directory.path())
        .addSocket(
            "SocksPort", socksAddress().getPath(), "IsolateSOCKSAuth KeepAliveIsolateSOCKSAuth")
        .addSocket("ControlPort", controlSocket(), "")
        .add("CookieAuthentication", 1)
        .add("CookieAuthFile", cookieFile())
        .add("ClientOnly", 1)
        .add("ExitRelay", 0)
        .add("SafeLogging", 1)
        .add("DisableNetwork", 0)
        .add("RunAsDaemon", 0)
        .add("Log", "notice stdout")
        .add("__OwningControllerProcess", ProcessHandle.current().pid());
  }

  private static String readTorrc(Path file) throws IOException {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new TorException("cannot read torrc " + file + ": no such file");
    } catch (IOException e) {
      throw new TorException("cannot read torrc " + file + ": " + e.getMessage());
    }
  }

  private void supervise(TorProcess first) {
    var tor = first;
    var delay = FIRST_DELAY;
    try {
      while (true) {
        long startNanos = System.nanoTime();
        if (endsBeforeClosing(tor)) {
          if (System.nanoTime() - startNanos > LONGEST_DELAY.toNanos()) {
            delay = FIRST_DELAY;
          }
          String reason = tor.failure();
          TorProcess next = null;
          while (next == null) {
            if (closing.isDone()) {
              return;
            }
            LOG.debug("{}; starting it again in {} ms", reason, delay.toMillis());
            listener.event(new Event.Down(reason, delay));
            if (closesWithin(delay)) {
              return;
            }
            delay = shorter(delay.multipliedBy(2), LONGEST_DELAY);
            try {
              next = launch();
            } catch (IOException e) {
              reason = String.valueOf(e.getMessage());
            }
          }
          tor = next;
        } else {
          tor.stop(STOP_DEADLINE);
          return;
        }
      }
    } catch (InterruptedException e) {
      // Nobody else knows this thread.
      throw new IllegalStateException(e);
    } finally {
      var last = current;
      if (last != null) {
        last.close();
      }
      ended.countDown();
    }
  }

  private boolean endsBeforeClosing(TorProcess tor) throws InterruptedException {
    try {
      CompletableFuture.anyOf(tor.exited(), closing).get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
    return !closing.isDone();
  }

  private boolean closesWithin(Duration time) throws InterruptedException {
    try {
      closing.get(time.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Duration shorter(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }
}
