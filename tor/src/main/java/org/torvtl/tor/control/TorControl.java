/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.io.OutputStreamWriter;
import java.io.Reader;
import java.io.Writer;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import net.freehaven.tor.control.TorControlConnection;
import net.freehaven.tor.control.TorControlError;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An authenticated connection to Tor's control port. Any thread may use it; commands wait for one
 * another. Each command blocks its caller until Tor has answered or the deadline has passed; after
 * a missed deadline the connection is closed.
 *
 * <p>Every method that talks to Tor throws an {@link IOException} if Tor refuses the command, does
 * not answer in time, or is gone.
 */
public final class TorControl implements AutoCloseable {
  /** A deadline that suits a Tor on this machine. */
  public static final Duration TIMEOUT = Duration.ofSeconds(10);

  private static final Logger LOG = LoggerFactory.getLogger(TorControl.class);
  private static final String BOOTSTRAP_PHASE = "status/bootstrap-phase";
  private static final String STATUS_CLIENT = "STATUS_CLIENT";

  private final SocketAddress address;
  private final Duration timeout;
  private final SocketChannel channel;
  private final Connection connection;
  private final Set<Thread> callers = ConcurrentHashMap.newKeySet();
  private final CompletableFuture<Void> closed = new CompletableFuture<>();

  private TorControl(
      SocketAddress address, Duration timeout, SocketChannel channel, Reader in, Writer out) {
    this.address = address;
    this.timeout = timeout;
    this.channel = channel;
    this.connection = new Connection(in, out);
  }

  /** jtorctl's connection, with a reader thread of ours. */
  private static final class Connection extends TorControlConnection {
    Connection(Reader in, Writer out) {
      super(in, out);
    }

    /** Reads until the connection ends, which jtorctl tells by an exception. */
    void read() throws IOException {
      react();
    }

    @Override
    protected synchronized void checkThread() {
      // The reader is started by connect(), once, before any command.
    }
  }

  /**
   * Connects and authenticates.
   *
   * @param address of the control port: an {@link InetSocketAddress} or a {@link
   *     java.net.UnixDomainSocketAddress}
   * @param timeout for the connection and for each command
   */
  public static TorControl connect(
      SocketAddress address, ControlAuthentication authentication, Duration timeout)
      throws IOException {
    SocketChannel channel;
    try {
      channel = open(address, timeout);
    } catch (IOException e) {
      throw new IOException(
          "cannot reach Tor's control port at %s: %s (is Tor running, and is its ControlPort there?)"
              .formatted(address, e.getMessage()),
          e);
    }
    // One character is one byte in this protocol.
    var in =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.ISO_8859_1));
    var out =
        new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.ISO_8859_1);
    var control = new TorControl(address, timeout, channel, in, out);
    try {
      byte[] nonce = new byte[ControlHandshake.NONCE_BYTES];
      new SecureRandom().nextBytes(nonce);
      var handshake = new ControlHandshake(in, out, nonce);
      byte[] secret = control.call("PROTOCOLINFO", () -> handshake.secret(authentication));
      control.startReader();
      control.run("AUTHENTICATE", () -> control.connection.authenticate(secret));
      return control;
    } catch (IOException e) {
      control.close();
      throw e;
    }
  }

  private static SocketChannel open(SocketAddress address, Duration timeout) throws IOException {
    if (!(address instanceof InetSocketAddress inet)) {
      return SocketChannel.open(address);
    }
    if (inet.isUnresolved()) {
      throw new IOException("it is a name, not an address");
    }
    var channel = SocketChannel.open();
    try {
      channel.socket().connect(inet, Math.toIntExact(timeout.toMillis()));
      return channel;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** How far Tor is. */
  public BootstrapStatus bootstrap() throws IOException {
    var text = getInfo(BOOTSTRAP_PHASE);
    return BootstrapStatus.parse(text)
        .orElseThrow(
            () -> new IOException("Tor's %s makes no sense: %s".formatted(BOOTSTRAP_PHASE, text)));
  }

  /**
   * From now on tells of each step of the bootstrap; what was before, {@link #bootstrap} tells.
   *
   * @param listener called on the reader thread: must neither block nor use this object
   */
  public void onBootstrap(Consumer<BootstrapStatus> listener) throws IOException {
    connection.addRawEventListener((keyword, data) -> {
      if (keyword.equals(STATUS_CLIENT)) {
        BootstrapStatus.parse(data).ifPresent(status -> tell(listener, status));
      }
    });
    run("SETEVENTS", () -> connection.setEvents(List.of(STATUS_CLIENT)));
  }

  private void tell(Consumer<BootstrapStatus> listener, BootstrapStatus status) {
    try {
      listener.accept(status);
    } catch (RuntimeException e) {
      // It must not end the reader thread: the connection is others' as well.
      LOG.warn("a listener to Tor's bootstrap failed", e);
    }
  }

  /** All circuits, those under construction included. */
  public List<CircuitStatus> circuits() throws IOException {
    return getInfo("circuit-status")
        .lines()
        .map(CircuitStatus::parse)
        .flatMap(Optional::stream)
        .toList();
  }

  /** All streams. */
  public List<StreamStatus> streams() throws IOException {
    return getInfo("stream-status")
        .lines()
        .map(StreamStatus::parse)
        .flatMap(Optional::stream)
        .toList();
  }

  /** All relays of the consensus; none before there is one. */
  public List<RelayStatus> relays() throws IOException {
    return RelayStatus.parseAll(getInfo("ns/all"));
  }

  /** Sends a signal. After SHUTDOWN or HALT the connection ends: see {@link #closed}. */
  public void signal(TorSignal signal) throws IOException {
    run("SIGNAL " + signal, () -> connection.signal(signal.name()));
  }

  /** From now on Tor ends when this connection does. */
  public void takeOwnership() throws IOException {
    run("TAKEOWNERSHIP", connection::takeOwnership);
  }

  /**
   * A value by GETINFO.
   *
   * @param key one of the specification's, as {@code version}
   * @return the value as it came; lines are separated by {@code \n}
   */
  public String getInfo(String key) throws IOException {
    requireKey(key);
    var value = call("GETINFO " + key, () -> Optional.ofNullable(connection.getInfo(key)));
    return value.orElseThrow(() -> failure("GETINFO " + key, "there was no value in the answer"));
  }

  /** The values of an option of Tor's configuration, in order; none if it has its default. */
  public List<String> getConf(String option) throws IOException {
    requireKey(option);
    return call("GETCONF " + option, () -> connection.getConf(option)).stream()
        .map(entry -> entry.value)
        .filter(value -> value != null && !value.isEmpty())
        .toList();
  }

  /** Completes when the connection has ended, by whichever side. */
  public CompletionStage<Void> closed() {
    return closed.minimalCompletionStage();
  }

  /** Ends the connection; commands under way fail. If this connection owns Tor, Tor ends. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("closing the control connection to {}", address, e);
    }
    end();
  }

  private void startReader() {
    Thread.ofPlatform()
        .daemon()
        .name("tor-control " + address)
        .start(() -> {
          try {
            connection.read();
          } catch (IOException | RuntimeException e) {
            LOG.debug("the control connection to {} ended: {}", address, e.toString());
          } finally {
            close();
          }
        });
  }

  private void end() {
    closed.complete(null);
    callers.forEach(Thread::interrupt);
  }

  private interface Command {
    void send() throws IOException;
  }

  private void run(String what, Command command) throws IOException {
    call(
        what,
        () -> {
          command.send();
          return true;
        });
  }

  private <T> T call(String what, Callable<T> command) throws IOException {
    var task = new FutureTask<>(command);
    var caller = Thread.ofVirtual().name("tor-control " + what).unstarted(task);
    callers.add(caller);
    caller.start();
    if (closed.isDone()) {
      caller.interrupt();
    }
    try {
      return task.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw explain(what, Objects.requireNonNullElse(e.getCause(), e));
    } catch (TimeoutException e) {
      close();
      throw failure(what, "it did not answer within %d ms".formatted(timeout.toMillis()));
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for Tor to answer " + what);
    } finally {
      callers.remove(caller);
    }
  }

  private IOException explain(String what, Throwable cause) {
    return switch (cause) {
      case TorControlError e -> failure(what, String.valueOf(e.getMessage()));
      case IOException e when closed.isDone() -> failure(what, "the connection was closed");
      default -> {
        var failure = failure(what, String.valueOf(cause.getMessage()));
        failure.initCause(cause);
        yield failure;
      }
    };
  }

  private IOException failure(String what, String why) {
    return new IOException("Tor's control port at %s: %s failed: %s".formatted(address, what, why));
  }

  private static void requireKey(String key) {
    if (!key.matches("[!-~]+")) {
      throw new IllegalArgumentException("not a key: " + key);
    }
  }
}
