/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.system.Command;

/**
 * The child process that keeps root when the gateway has given it away: it removes the routes at
 * the end, and puts back what another program has changed: the kill switch, rules, routes, and the
 * TUN that was set down.
 *
 * <p>Each request is a line, and so is each answer. nft has 4 s in the child, the child has 8 s. A
 * child that has ended or does not answer is lost: it is killed, as far as this process may do that
 * to a process of root's; its input is closed, so that it ends if it ever goes on; and it is asked
 * nothing any more. The owner is told at once.
 *
 * <p>Signals that a terminal or a service manager sends to all processes do not end it, so that the
 * gateway can have the routes removed when it ends by them.
 *
 * <p>When its input ends without the word to remove the routes, it ends and leaves everything in
 * place: the rules still lead into the TUN, and without it to "unreachable".
 */
final class RouteKeeper {
  /** What the kill switch's text has for the marker, which is new each time. */
  static final String MARKER = "@marker@";

  private static final Logger log = LoggerFactory.getLogger(RouteKeeper.class);

  /** More than nft has in the script, and than a busy machine takes to notice. */
  private static final Duration ANSWER = Duration.ofSeconds(8);

  private static final Duration END = Duration.ofSeconds(5);

  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
  private static final String SUBJECT = "the process that keeps root ";
  private static final String REMOVE_WORD = "remove", RESTORE_WORD = "restore";
  private static final String REROUTE_WORD = "reroute";
  private static final String DONE = "ok", UNCHANGED = "same";

  /** Ends a text of the input. */
  private static final String END_OF_TEXT = ".\n";

  /** For each rule and route more. The kernel's time grows with the square of their number. */
  private static final Duration ANSWER_FOR_COMMAND = Duration.ofMillis(4);

  /** The kill switch is not put back in that time. */
  private static final Duration LONGEST_ANSWER = Duration.ofSeconds(30);

  private static final String SCRIPT = script();

  /**
   * What is removed at the end.
   *
   * @param table the number of the routing table; not 0, which stands for all of them
   * @param protocol of the rules, as linux/rtnetlink.h numbers routing programs
   * @param priorities of the rules
   * @param filter what nft is told after that; empty for nothing
   */
  record Removal(int table, String protocol, List<Integer> priorities, String filter) {
    Removal {
      if (table <= 0) {
        throw new IllegalArgumentException("no routing table of ours: " + table);
      }
    }

    private List<String> command() {
      var command = new ArrayList<>(List.of("sh", "-c", SCRIPT, "torvtl-routes"));
      command.addAll(List.of(Integer.toString(table), protocol, filter));
      priorities.forEach(priority -> command.add(Integer.toString(priority)));
      return command;
    }
  }

  /**
   * How routes and rules are made: commands for {@code ip -batch}, without line ends. Each adds
   * what may be there, whose order does not count.
   *
   * @param device to be brought up before; empty for none
   * @param address what gives the device an address, if it has none
   * @param ipv6 empty without IPv6 in the kernel
   */
  record Routes(String device, String address, List<String> ipv4, List<String> ipv6) {
    static final Routes NONE = new Routes("", "", List.of(), List.of());

    private String text() {
      return text(List.of(device)) + text(List.of(address)) + text(ipv4) + text(ipv6);
    }

    private static String text(List<String> commands) {
      return commands.stream().map(command -> command + "\n").collect(Collectors.joining())
          + END_OF_TEXT;
    }

    /** How long the child may take for them. */
    private Duration limit(Duration answer) {
      var limit = answer.plus(ANSWER_FOR_COMMAND.multipliedBy(ipv4.size() + ipv6.size()));
      return limit.compareTo(LONGEST_ANSWER) < 0 ? limit : LONGEST_ANSWER;
    }
  }

  private final Process process;
  private final BufferedWriter input;

  /** Held from a request to its answer. */
  private final Lock requests = new ReentrantLock();

  private final Consumer<String> lost;
  private final Duration limit;
  private final Duration routesLimit;
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  private boolean closing;
  private @Nullable String loss;

  private static String script() {
    try (var in = RouteKeeper.class.getResourceAsStream("routes.sh")) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private RouteKeeper(
      Process process, Consumer<String> lost, Duration limit, Duration routesLimit) {
    this.process = process;
    this.input = process.outputWriter(StandardCharsets.UTF_8);
    this.lost = lost;
    this.limit = limit;
    this.routesLimit = routesLimit;
  }

  /** Removes at once, without a child that stays. */
  static void removeNow(Removal removal) throws IOException, InterruptedException {
    Command.runWithInput(END_OF_TEXT + Routes.NONE.text() + REMOVE_WORD + "\n", removal.command());
  }

  /**
   * Starts the child, in a session of its own, so that Ctrl-C does not end it before the gateway.
   *
   * @param killSwitch the transaction that puts the kill switch in force, with {@link #MARKER}
   * @param routes how what another program removes is made again
   * @param lost told once with the reason, a clause, if the child is lost; on any thread
   */
  static RouteKeeper start(String killSwitch, Routes routes, Removal removal, Consumer<String> lost)
      throws IOException {
    return start(killSwitch, routes, removal, lost, PATH, ANSWER);
  }

  /**
   * As {@link #start(String, Routes, Removal, Consumer)}, with programs and patience of a test's
   * own.
   */
  static RouteKeeper start(
      String killSwitch,
      Routes routes,
      Removal removal,
      Consumer<String> lost,
      String path,
      Duration limit)
      throws IOException {
    var command = new ArrayList<>(List.of("setsid"));
    command.addAll(removal.command());
    var builder =
        new ProcessBuilder(command)
            .directory(new File("/"))
            .redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().clear();
    builder.environment().put("PATH", path);
    var keeper = new RouteKeeper(builder.start(), lost, limit, routes.limit(limit));
    try {
      keeper.write(killSwitch + END_OF_TEXT + routes.text());
    } catch (IOException e) {
      keeper.abandon();
      throw e;
    }
    var reader = keeper.process.inputReader(StandardCharsets.UTF_8);
    // Not a virtual one, which might keep a carrier from others as long as it waits.
    Thread.ofPlatform().daemon().name("answers of torvtl-routes").start(() -> keeper.hear(reader));
    return keeper;
  }

  private void write(String text) throws IOException {
    input.write(text);
    input.flush();
  }

  private void hear(BufferedReader output) {
    String reason = "cannot be heard any more";
    try {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        answers.add(line);
      }
      reason = "has ended";
    } catch (IOException e) {
      reason += " (" + e.getMessage() + ")";
    } finally {
      lose(reason);
    }
  }

  /** The child, for a test. */
  ProcessHandle process() {
    return process.toHandle();
  }

  /**
   * Has the kill switch put in force anew, in one transaction.
   *
   * @param marker for {@link #MARKER}: digits, lower-case letters and underscores
   * @throws IOException with nft's reason, in which case it can be tried again; or because the
   *     child is lost
   */
  void restore(String marker) throws IOException {
    request(limit, RESTORE_WORD + " " + marker, DONE);
  }

  /**
   * Has the device brought up, and rules and routes made that are missing. Until then what they
   * lead away goes by the host's own routes, as far as the kill switch lets it.
   *
   * @return whether some were missing
   * @throws IOException as {@link #restore}
   */
  boolean restoreRoutes() throws IOException {
    return request(routesLimit, REROUTE_WORD, DONE, UNCHANGED).equals(DONE);
  }

  /** Answers which of the good answers came. */
  private String request(Duration limit, String line, String... good) throws IOException {
    requests.lock();
    try {
      checkNotLost();
      try {
        write(line + "\n");
      } catch (IOException e) {
        lose("takes no more requests (" + e.getMessage() + ")");
      }
      var answer = answer(limit);
      if (answer == null) {
        var reason = "does not answer within " + limit.toSeconds() + " s";
        lose(reason);
        throw new IOException(SUBJECT + reason);
      } else if (!List.of(good).contains(answer)) {
        throw new IOException(answer);
      }
      return answer;
    } finally {
      requests.unlock();
    }
  }

  /** The next answer, or why the child was lost; null if time is up. An interrupt waits too. */
  private @Nullable String answer(Duration limit) {
    long deadline = System.nanoTime() + limit.toNanos();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return answers.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private synchronized void checkNotLost() throws IOException {
    if (loss != null) {
      throw new IOException(loss);
    }
  }

  private void lose(String what) {
    synchronized (this) {
      if (closing || loss != null) {
        return;
      }
      loss = SUBJECT + what;
      // A thread that waits for an answer gets this one.
      answers.add(loss);
    }
    abandon();
    lost.accept(loss);
  }

  /** Ends it without another word, and without waiting; all it could remove stays. */
  void abandon() {
    synchronized (this) {
      closing = true;
    }
    process.destroyForcibly();
    try {
      input.close();
    } catch (IOException e) {
      // What was still to be written is of no use to a process that is gone.
      log.debug("the input of torvtl-routes could not be closed", e);
    }
  }

  /**
   * Has all of it removed; whether that is done.
   *
   * @throws IOException if the child has ended just now; nothing is removed then
   */
  boolean remove() throws IOException, InterruptedException {
    return end(REMOVE_WORD + "\n");
  }

  /** Ends it, with all that it could remove left in place. More calls do nothing. */
  void release() throws IOException, InterruptedException {
    end("");
  }

  /** Whether it has ended well, after these words. */
  private boolean end(String words) throws IOException, InterruptedException {
    synchronized (this) {
      if (closing || loss != null) {
        return false;
      }
      closing = true;
    }
    try (input) {
      input.write(words);
    }
    // Many rules take as long to be removed as to be made.
    var limit = END.compareTo(routesLimit) > 0 ? END : routesLimit;
    return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS) && process.exitValue() == 0;
  }
}
