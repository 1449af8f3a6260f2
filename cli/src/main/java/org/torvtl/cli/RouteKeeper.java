/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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
import org.torvtl.tor.lab.Command;

/**
 * The child process that keeps root when the gateway has given it away: it removes the routes at
 * the end, and puts back what another program has changed: the kill switch, rules and routes.
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

  private static final int NFT_SECONDS = 4;

  /** More than nft has, and than a busy machine takes to notice. */
  private static final Duration ANSWER = Duration.ofSeconds(8);

  private static final Duration END = Duration.ofSeconds(5);

  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
  private static final String SUBJECT = "the process that keeps root ";
  private static final String REMOVE_WORD = "remove", RESTORE_WORD = "restore";
  private static final String REROUTE_WORD = "reroute";
  private static final String DONE = "ok", UNCHANGED = "same";

  /** Ends a text of the input. */
  private static final String END_OF_TEXT = ".\n";

  /** Of each rule and route, whatever there are already: the time is quadratic in their number. */
  private static final Duration ANSWER_FOR_COMMAND = Duration.ofMillis(4);

  /**
   * Arguments: the routing table, the rules' protocol number, what nft is told at the end or
   * nothing, and the priorities. Input: the kill switch, what ip(8) is told of the device, to give
   * that an address, to make routes and rules of IPv4 and those of IPv6, each with a line with a
   * dot behind it; and then words.
   *
   * <p>The judge of what is missing is the kernel, which refuses to add what is there. It is asked
   * again when a listing shows another text than when it last found nothing missing.
   */
  private static final String SCRIPT =
      """
      trap '' HUP INT TERM
      table=$1 protocol=$2 filter=$3 status=0 known=
      shift 3
      take() {
        taken= count=0
        while IFS= read -r line && [ "$line" != . ]; do
          count=$((count + 1))
          taken="$taken$line
      "
        done
      }
      take
      text=$taken
      take
      device=${taken%%?}
      take
      address=${taken%%?}
      take
      routes4=$taken count4=$count
      take
      routes6=$taken count6=$count
      families=-4
      [ ! -e /proc/net/if_inet6 ] || families='-4 -6'
      restore() {
        case $1 in
        '' | *[!0-9a-z_]*)
          echo "failed: '$1' is no marker"
          return
          ;;
        esac
        said=$(printf '%%s' "$text" | sed "s/%1$s/$1/g" | timeout -s KILL %2$d nft -f - 2>&1)
        code=$?
        case $code in
        0) echo %5$s ;;
        137) echo "failed: nft was killed (it has %2$d s)" ;;
        *) echo "failed: $(printf '%%s\n' "${said:-nft ended with status $code}" | sed -n '1h; /[Ee]rror/{p;q;}; ${x;p;}')" ;;
        esac
      }
      listing() {
        for family in $families; do
          ip "$family" -N rule show || return
        done
        ip -4 -N route show table "$table"
      }
      # Sets a fault, or that something was missing.
      make() {
        [ "$2" -gt 0 ] || return 0
        said=$(printf '%%s' "$3" | ip "$1" -force -batch - 2>&1)
        code=$? there=0
        [ "$code" -le 1 ] || fault=${fault:-ip ended with status $code}
        while IFS= read -r each; do
          case $each in
          *'File exists'*) there=$((there + 1)) ;;
          '' | 'Command failed'*) ;;
          *) fault=${fault:-$each} ;;
          esac
        done <<END
      $said
      END
        [ "$there" = "$2" ] || missing=yes
      }
      up() {
        [ -n "$device" ] || return 0
        ip link set dev "$device" up && { [ -n "$(ip -4 -o address show dev "$device")" ] || ip $address; }
      }
      reroute() {
        now=$(listing 2>/dev/null) || now=
        if [ -n "$now" ] && [ "$now" = "$known" ]; then
          echo %7$s
          return
        fi
        fault= missing= known=
        said=$(up 2>&1) || fault=${said:-the device is not up}
        make -4 "$count4" "$routes4"
        make -6 "$count6" "$routes6"
        if [ -n "$fault" ]; then
          printf 'failed: %%s\n' "$fault" | head -n 1
        elif [ -n "$missing" ]; then
          echo %5$s
        else
          known=$now
          echo %7$s
        fi
      }
      while [ "$line" != %3$s ]; do
        read -r line marker || exit 0
        case $line in
        %4$s) restore "$marker" ;;
        %6$s) reroute ;;
        esac
      done
      for family in $families; do
        for priority; do
          ip "$family" -N rule show priority "$priority" 2>/dev/null | grep -w "proto $protocol" |
            sed "s/.*/rule delete priority $priority protocol $protocol/" | ip "$family" -batch -
          left=$(ip "$family" -N rule show priority "$priority" 2>/dev/null) || status=1
          case "$left " in *"proto $protocol"[!0-9]*) status=1 ;; esac
        done
      done
      if [ -n "$(ip -4 route show table "$table" 2>/dev/null)" ]; then
        ip -4 route flush table "$table" || status=1
      fi
      # What is still led somewhere is not let out around it.
      [ "$status" = 0 ] || exit 1
      [ -z "$filter" ] || nft "$filter"
      """
          .formatted(MARKER, NFT_SECONDS, REMOVE_WORD, RESTORE_WORD, DONE, REROUTE_WORD, UNCHANGED);

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

    private int count() {
      return ipv4.size() + ipv6.size();
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
    var keeper =
        new RouteKeeper(
            builder.start(),
            lost,
            limit,
            limit.plus(ANSWER_FOR_COMMAND.multipliedBy(routes.count())));
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
    return process.waitFor(END.toMillis(), TimeUnit.MILLISECONDS) && process.exitValue() == 0;
  }
}
