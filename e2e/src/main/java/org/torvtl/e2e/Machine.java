/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A computer of the test's own, out of Linux namespaces: mounts, processes, network, System V IPC.
 *
 * <p>It sees this computer's files, except that {@code /run} and {@code /tmp} are empty, and what
 * it writes to {@code /etc} and {@code /var/lib} goes no further; the project is at {@link
 * #PROJECT}. Its network has a loopback interface and nothing else. Its first process waits for the
 * end of its standard input, which comes with {@link #close} or with the end of this JVM, however
 * that ends; the kernel then kills every process of the machine and takes its interfaces,
 * namespaces and files away.
 */
public final class Machine implements Closeable {
  /**
   * A home of root's that is closed to all others. The project and the JDK are in there: a gateway
   * that gave root away must do without either.
   */
  static final String HOME = "/run/torvtl-home";

  /** Where the project is on the machine. */
  public static final String PROJECT = HOME + "/project";

  private static final String JDK = HOME + "/jdk";

  /** Where what it changes in /etc and /var/lib is kept. */
  static final String CHANGES = "/run/torvtl-machine";

  private static final Duration BOOT_DEADLINE = Duration.ofMinutes(1);
  private static final Duration SCRIPT_DEADLINE = Duration.ofMinutes(2);

  /** The project is mounted by way of the working directory, for its path may be below /tmp. */
  private static final String INIT =
      """
      set -e
      cd "$1"
      mount -t tmpfs -o mode=755 tmpfs /run
      mkdir -m 700 "$4"
      mkdir "$2" "$5"
      mount --no-canonicalize --bind . "$2"
      mount --bind "$6" "$5"
      cd /
      mount -t tmpfs -o mode=1777 tmpfs /tmp
      for folder in /etc /var/lib; do
        mkdir -p "$3$folder"/{changes,work}
        mount -t overlay overlay "$folder" \
          -o "lowerdir=$folder,upperdir=$3$folder/changes,workdir=$3$folder/work"
      done
      # This computer's guests and guards are not the machine's. A directory that is there already
      # would be copied where its changes are kept, by the first namespace, and stay.
      rm -rf /etc/netns /var/lib/torvtl
      mount -t sysfs sysfs /sys
      ip link set lo up
      # Where the kernel has br_netfilter built in, it is on in a new namespace.
      for family in ip ip6; do
        hook=/proc/sys/net/bridge/bridge-nf-call-${family}tables
        [ ! -e $hook ] || echo 0 >$hook
      done
      # iproute2 makes its own directory at the first namespace, and keeps it.
      ip netns add first
      ip netns delete first
      echo up
      while read -r _; do :; done
      """;

  private static final String LISTENER =
      """
      import socket, sys, threading
      def serve(connection):
        if connection.recv(3) == bytes([5, 1, 2]):
          connection.sendall(bytes([5, 2]))
          if connection.recv(1024):
            connection.sendall(bytes([1, 0]))
        while connection.recv(65536):
          pass
      family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
      listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family, backlog=128)
      print('Listening')
      while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
      """;

  private final RunningCommand init;
  private final ProcessHandle firstProcess;

  private Machine(RunningCommand init, ProcessHandle firstProcess) {
    this.init = init;
    this.firstProcess = firstProcess;
  }

  /** Boots a machine. Without root or one of the commands it needs: one line that says so. */
  public static Machine boot() throws IOException, InterruptedException {
    return boot("");
  }

  /**
   * Boots a machine on another computer than this one.
   *
   * @param changes a script that changes how this computer's files look to the machine, by mounts
   */
  static Machine boot(String changes) throws IOException, InterruptedException {
    Prerequisites.require();
    var init =
        RunningCommand.start(
            List.of(),
            List.of(
                "unshare",
                "--mount",
                "--net",
                "--ipc",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "bash",
                "-c",
                changes + INIT,
                "init",
                project().toString(),
                PROJECT,
                CHANGES,
                HOME,
                JDK,
                System.getProperty("java.home")),
            true);
    try {
      init.awaitLine("up", BOOT_DEADLINE);
      var firstProcess = init.handle().children().findFirst().orElseThrow();
      return new Machine(init, firstProcess);
    } catch (InterruptedException | RuntimeException e) {
      init.close();
      throw e;
    }
  }

  private static Path project() {
    var root = System.getProperty("torvtl.root");
    if (root == null) {
      throw new IllegalStateException(
          "where is the project? (run the tests with mvn, or pass -Dtorvtl.root=FOLDER)");
    }
    return Path.of(root);
  }

  /** Starts a command on the machine; its standard input is empty. */
  public RunningCommand start(List<String> command) throws IOException {
    // A shell that runs the tests in the background, or nohup, has signals ignored, which is
    // inherited.
    return RunningCommand.start(
        List.of(
            "env",
            "--default-signal=HUP,INT,QUIT,PIPE",
            "JAVA_HOME=" + JDK,
            "nsenter",
            "--target=" + firstProcess.pid(),
            "--mount",
            "--net",
            "--ipc",
            "--pid",
            "--"),
        command,
        false);
  }

  /**
   * Starts a command on the machine as the leader of a process group, as a shell does in a
   * terminal.
   */
  public RunningCommand startInForeground(List<String> command) throws IOException {
    var whole = new ArrayList<>(List.of("setsid"));
    whole.addAll(command);
    return start(whole);
  }

  /** The command of {@link #startListener}; prints "Listening" when it does. */
  public static List<String> listener(String address, String port) {
    return List.of("/usr/bin/python3", "-u", "-c", LISTENER, address, port);
  }

  /**
   * Starts what answers the greeting of SOCKS5 and any username and password, as Tor does, and
   * never a request; returns when it listens.
   */
  public void startListener(String address, String port) throws IOException, InterruptedException {
    start(listener(address, port)).awaitLine("Listening", Duration.ofSeconds(30));
  }

  /** Runs a command on the machine to its end, whatever its exit status. */
  public CommandResult run(Duration deadline, String... command)
      throws IOException, InterruptedException {
    return start(List.of(command)).await(deadline);
  }

  /** Runs a bash script on the machine, with arguments $1 and on; it must succeed. */
  public CommandResult script(String script, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("bash", "-euc", script, "bash"));
    command.addAll(List.of(arguments));
    return start(command).await(SCRIPT_DEADLINE).orThrow();
  }

  /** The torvtl command with arguments, for {@link #start} and {@link #run}. */
  public static List<String> torvtl(String... arguments) {
    var command = new ArrayList<>(List.of(PROJECT + "/torvtl"));
    command.addAll(List.of(arguments));
    return command;
  }

  /** The process that a command started here became, once it has; seen from outside the machine. */
  public static ProcessHandle processOf(RunningCommand command) throws InterruptedException {
    return Waiting.forValue(
        "the process of a command on the machine",
        Duration.ofSeconds(10),
        () -> command.handle().children().findFirst());
  }

  /** The number of a process on its machine. */
  public static String pidWithin(ProcessHandle process) throws IOException {
    return Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status")).stream()
        .filter(line -> line.startsWith("NSpid:"))
        .map(line -> line.replaceFirst(".*\\s", ""))
        .findFirst()
        .orElseThrow();
  }

  /** A file of the machine, as this JVM can open it. */
  public Path file(String absolutePath) {
    return Path.of("/proc/" + firstProcess.pid() + "/root" + absolutePath);
  }

  /** All that a command could leave behind on the machine. */
  public Traces traces() throws IOException, InterruptedException {
    return Traces.of(this);
  }

  /** The address of the one interface that has one besides loopback, such as the lab's cable. */
  public Optional<String> outsideAddress() throws IOException, InterruptedException {
    return script("ip -o -4 address show scope global | awk '{ split($4, a, \"/\"); print a[1] }'")
        .out()
        .lines()
        .findFirst();
  }

  /** Takes the machine down with all that is on it, and waits until it is gone. */
  @Override
  public void close() throws IOException {
    firstProcess.destroyForcibly();
    Waiting.toEnd(() -> init.await(Duration.ofSeconds(20)));
  }
}
