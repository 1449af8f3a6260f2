/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.torvtl.tor.process.PrivateDirectory;
import org.torvtl.tor.process.ProcessIdentity;
import org.torvtl.tor.process.RunDirectory;
import org.torvtl.tor.process.TorProcess;

/**
 * A private Tor network on this machine. See the package's description.
 *
 * <p>Needs root (or the capabilities to make network namespaces) and {@code tor}, {@code
 * tor-gencert}, {@code ip}, {@code nsenter} and {@code setsid} on the PATH.
 */
public final class PrivateTorNetwork implements AutoCloseable {
  private static final Duration STOP_DEADLINE = Duration.ofSeconds(5);

  /**
   * One node as it is now.
   *
   * @param node which
   * @param alive whether its process runs
   * @param pid its process id
   * @param flags what the consensus says of it, in alphabetical order; empty for the client
   */
  public record NodeStatus(LabNode node, boolean alive, long pid, Set<String> flags) {}

  private final Path directory;
  private final ReentrantReadWriteLock steps = new ReentrantReadWriteLock();
  private LabState state;
  private volatile boolean stopping;
  private boolean removed;
  private @Nullable Thread hook;

  private PrivateTorNetwork(Path directory, LabState state) {
    this.directory = directory;
    this.state = state;
  }

  /**
   * Starts a network and returns when a web page was fetched through it. When that fails, or the
   * thread is interrupted, or the process ends, nothing of it stays.
   *
   * @throws IOException if a lab of this name is there already, or something fails: one line that
   *     says what
   */
  public static PrivateTorNetwork start(LabOptions options, LabProgress progress)
      throws IOException, InterruptedException {
    TorProcess.checkInstalled();
    var lab = claim(options);
    var hook = new Thread(lab::removeAtExit, "lab-removal");
    lab.hook = hook;
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      new LabStart(lab, options, progress).run();
    } catch (IOException | InterruptedException | RuntimeException | Error e) {
      try {
        lab.down();
      } catch (IOException | InterruptedException | RuntimeException also) {
        e.addSuppressed(also);
      }
      throw e;
    }
    if (options.detached()) {
      lab.forgetHook();
    }
    return lab;
  }

  /**
   * A lab that another process started, for its state and its end.
   *
   * @throws IOException if there is none of this name
   */
  public static PrivateTorNetwork attach(Path base, String name) throws IOException {
    var directory = LabOptions.directory(base, name);
    var state =
        LabState.load(directory)
            .orElseThrow(() ->
                new IOException(
                    "there is no lab named %s (torvtl lab up starts one)".formatted(name)));
    return new PrivateTorNetwork(directory, state);
  }

  private static PrivateTorNetwork claim(LabOptions options)
      throws IOException, InterruptedException {
    var directory = options.directory();
    try {
      PrivateDirectory.make(options.base());
    } catch (AccessDeniedException e) {
      throw new IOException(
          "cannot make " + options.base() + ": permission denied (run as root)", e);
    }
    if (Files.exists(directory)) {
      var old = LabState.load(directory);
      if (old.isPresent() && old.get().isInUse()) {
        throw new IOException(
            "lab %s is already up (end it: torvtl lab down --name %s)"
                .formatted(options.name(), options.name()));
      }
    }
    sweep(options.base());
    remove(directory, options.name(), null);
    // Removing the last of what was left removed the base, too.
    PrivateDirectory.make(options.base());
    // The base may let others pass: a gateway gives root away and still has its directory there.
    Files.createDirectory(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    var state =
        new LabState(
            options.name(),
            ProcessIdentity.current(),
            options.detached(),
            false,
            LabNamespace.nameFor(options.name()),
            null,
            null,
            null,
            Map.of(),
            Map.of());
    state.save(directory);
    return new PrivateTorNetwork(directory, state);
  }

  /** Removes every lab that a dead owner left, in whatever state. */
  private static void sweep(Path base) throws IOException, InterruptedException {
    var left = new LinkedHashMap<Path, LabState>();
    try (var labs = Files.newDirectoryStream(base, "lab-*")) {
      for (var lab : labs) {
        LabState.load(lab)
            .filter(state -> !state.isInUse())
            .ifPresent(state -> left.put(lab, state));
      }
    }
    for (var lab : left.entrySet()) {
      remove(lab.getKey(), lab.getValue().name(), lab.getValue().hostInterface());
    }
  }

  /** What is known about it. */
  public synchronized LabState state() {
    return state;
  }

  /** Its directory: logs, torrcs and all. */
  public Path directory() {
    return directory;
  }

  /** The client's SOCKS port, in the namespace of who started the lab. */
  public InetSocketAddress socksAddress() {
    return ready(state().socks());
  }

  /** The client's control port; it asks for the cookie. */
  public InetSocketAddress controlAddress() {
    return ready(state().control());
  }

  private static InetSocketAddress ready(@Nullable InetSocketAddress address) {
    if (address == null) {
      throw new IllegalStateException("the lab is not ready");
    }
    return address;
  }

  /** The file with the secret that the control port asks for. */
  public Path cookieFile() {
    return LabState.cookieFile(directory);
  }

  /** A torrc with the lines by which another tor on this host joins the network. */
  public Path clientTorrc() {
    return LabState.clientTorrc(directory);
  }

  /** The addresses from which the exits reach the world, by nickname. */
  public Map<String, String> exitAddresses() {
    return state().addresses();
  }

  /** Each node as it is now, the client last. */
  public List<NodeStatus> status() throws IOException {
    var now = LabState.load(directory).orElseGet(this::state);
    var consensus = directory.resolve("nodes").resolve("auth1").resolve("cached-consensus");
    var flags =
        Files.exists(consensus)
            ? Consensus.flags(Files.readString(consensus))
            : Map.<String, Set<String>>of();
    var all = new ArrayList<NodeStatus>();
    now.addresses()
        .forEach((nickname, address) -> {
          var role = nickname.startsWith("auth") ? LabNode.Role.AUTHORITY : LabNode.Role.RELAY;
          all.add(status(new LabNode(nickname, role, address), now, flags));
        });
    all.add(status(LabNode.client(), now, flags));
    return all;
  }

  private static NodeStatus status(LabNode node, LabState state, Map<String, Set<String>> flags) {
    var process = state.processes().get(node.nickname());
    return new NodeStatus(
        node,
        process != null && process.isAlive(),
        process == null ? -1 : process.pid(),
        new TreeSet<>(flags.getOrDefault(node.nickname(), Set.of())));
  }

  /** Whether all nodes run. */
  public boolean isUp() throws IOException {
    var all = status();
    return state().ready() && all.stream().allMatch(NodeStatus::alive);
  }

  /**
   * Ends every process of the lab, and removes its namespace, cable and directory. Returns when all
   * is gone. A second call does nothing.
   */
  public void down() throws IOException, InterruptedException {
    stopping = true;
    var lock = steps.writeLock();
    lock.lock();
    try {
      if (!removed) {
        remove(directory, state().name(), state().hostInterface());
        removed = true;
      }
    } finally {
      lock.unlock();
    }
    forgetHook();
  }

  /**
   * As {@link #down}; but a lab that is detached, or was started by another process, is left as it
   * is.
   */
  @Override
  public void close() throws IOException {
    if (hook == null) {
      return;
    }
    try {
      down();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while ending lab " + state().name(), e);
    }
  }

  private static void remove(Path directory, String name, @Nullable String hostInterface)
      throws IOException, InterruptedException {
    LabProcesses.end(LabProcesses.of(directory), STOP_DEADLINE);
    LabNamespace.delete(LabNamespace.nameFor(name));
    if (hostInterface != null) {
      LabNamespace.deleteInterface(hostInterface);
    }
    RunDirectory.delete(directory);
    RunDirectory.deleteIfEmpty(directory.getParent());
  }

  private void removeAtExit() {
    try {
      down();
    } catch (IOException e) {
      System.err.println("cannot remove lab " + state().name() + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void forgetHook() {
    var mine = hook;
    if (mine != null && Thread.currentThread() != mine) {
      try {
        Runtime.getRuntime().removeShutdownHook(mine);
      } catch (IllegalStateException e) {
        // The process is ending: the hook runs, or has run.
      }
      hook = null;
    }
  }

  /** A step of the start that makes something which {@link #down} must find. */
  interface Step<T> {
    T run() throws IOException, InterruptedException;
  }

  /** Runs a step, unless the lab is to end; down waits for it. */
  <T> T step(Step<T> step) throws IOException, InterruptedException {
    var lock = steps.readLock();
    lock.lock();
    try {
      checkWanted();
      return step.run();
    } finally {
      lock.unlock();
    }
  }

  /** Ends a start that nobody wants any more. */
  void checkWanted() throws IOException, InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    if (stopping) {
      throw new IOException("lab " + state().name() + " was stopped while it started");
    }
  }

  /** Notes what became known, for other processes too. */
  synchronized void update(UnaryOperator<LabState> change) throws IOException {
    state = change.apply(state);
    state.save(directory);
  }

  /** Notes a process. */
  void noteProcess(String nickname, ProcessIdentity process) throws IOException {
    update(s -> {
      var processes = new LinkedHashMap<>(s.processes());
      processes.put(nickname, process);
      return s.withProcesses(processes);
    });
  }
}
