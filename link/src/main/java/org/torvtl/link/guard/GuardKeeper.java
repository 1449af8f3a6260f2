/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.user.Privileges;
import org.torvtl.wire.MacAddress;

/**
 * The child process that keeps the privilege to change the guard's tables when the gateway has
 * given root away. It is a shell that runs {@code keeper.sh}, with the one capability that nftables
 * and forwarding tables take, and accepts nothing but what {@link GuardRules} writes.
 *
 * <p>Its input begins with three lines: the marks, the gateway's MAC address, the gateway's
 * devices. Each request is a header of {@value #HEADER_LENGTH} bytes and two bodies. The header is
 * a word, a number and the lengths of the bodies in bytes, and is filled up with spaces. The bodies
 * of a transaction are lines: statements of nft, then what is to be done beside them. So the shell
 * reads no more than there is, and not byte by byte. Each answer is one line that begins with the
 * number. What programs write beside is discarded. An nft that does not end within five seconds is
 * killed.
 *
 * <p>A child that has ended or does not answer in time is lost: its input is closed, so that it
 * ends if it ever goes on, and it is asked nothing any more. Whatever it did last stays.
 *
 * <p>When its input ends without the word to remove the tables, the gateway was killed or has
 * failed, and the tables stay; but not those of devices that have gone along with it.
 *
 * <p>One thread asks at a time.
 */
final class GuardKeeper implements AutoCloseable {
  /** More than nft has, and than a busy machine takes to notice. */
  private static final Duration ANSWER = Duration.ofSeconds(10);

  private static final Duration END = Duration.ofSeconds(15);

  private static final int HEADER_LENGTH = 48;

  /** What the child takes, of either body. */
  private static final int BYTES_AT_MOST = 8 << 20;

  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
  private static final String SUBJECT = "the process that keeps the packet filter ";
  private static final String SCRIPT = script();

  /** What {@code nft list table} prints of a set of MAC addresses, in one line. */
  private static final Pattern SET =
      Pattern.compile("set macs_(\\d{1,9}) \\{([^{}]*elements = \\{([^{}]*)})?[^{}]*}");

  /** The same of a chain that has what leaves a device. */
  private static final Pattern CHAIN = Pattern.compile("chain egress_(\\d{1,9})_");

  private static final Logger log = LoggerFactory.getLogger(GuardKeeper.class);

  /** An answer that is waited for. */
  private record Pending(String prefix, CompletableFuture<String> answer) {}

  private final String table;
  private final Process process;
  private final OutputStream input;
  private final Duration limit;
  private final CompletableFuture<String> ended = new CompletableFuture<>();

  /** A child that was stopped leaves a pipe full: who writes there waits for as long. */
  private final ExecutorService writer =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("requests to torvtl-guard").factory());

  private int number;
  private @Nullable Pending pending;
  private boolean isEnding;

  private GuardKeeper(String table, Process process, Duration limit) {
    this.table = table;
    this.process = process;
    this.input = process.getOutputStream();
    this.limit = limit;
  }

  private static String script() {
    try (var in = GuardKeeper.class.getResourceAsStream("keeper.sh")) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Starts it, in a session of its own, so that Ctrl-C does not end it before the gateway.
   *
   * @param attachments the gateway's devices: what does not belong to their link is refused
   */
  static GuardKeeper start(GuardRules rules, List<Attachment> attachments) throws IOException {
    return start(rules, attachments, PATH, ANSWER);
  }

  /** As {@link #start(GuardRules, List)}, with programs and patience of a test's own. */
  static GuardKeeper start(
      GuardRules rules, List<Attachment> attachments, String path, Duration limit)
      throws IOException {
    var command = new ArrayList<>(List.of("setsid"));
    if (Privileges.isRoot()) {
      command.addAll(
          List.of(
              "setpriv",
              "--no-new-privs",
              "--bounding-set=-all,+net_admin",
              "--inh-caps=-all,+net_admin"));
    }
    // Every user of this host can read these.
    command.addAll(List.of("sh", "-c", SCRIPT, "torvtl-guard", rules.table()));
    var builder =
        new ProcessBuilder(command)
            .directory(new File("/"))
            .redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().clear();
    builder.environment().put("PATH", path);
    var keeper = new GuardKeeper(rules.table(), builder.start(), limit);
    keeper.write(secrets(rules, attachments));
    var output = keeper.process.inputReader(StandardCharsets.UTF_8);
    Thread.ofPlatform().daemon().name("answers of torvtl-guard").start(() -> keeper.hear(output));
    var unused = keeper.process.onExit().thenRun(() -> keeper.lose("has ended"));
    return keeper;
  }

  private static String secrets(GuardRules rules, List<Attachment> attachments) {
    return "%s %s\n%s\n%s\n"
        .formatted(
            GuardRules.text(rules.mark()),
            GuardRules.text(rules.heard()),
            MacAddress.toString(rules.mac()),
            attachments.stream()
                .map(device -> "" + device.index())
                .collect(Collectors.joining(" ")));
  }

  private void write(String text) {
    writer.execute(() -> {
      try {
        input.write(text.getBytes(StandardCharsets.UTF_8));
        input.flush();
      } catch (IOException e) {
        log.debug("torvtl-guard takes no more requests", e);
        lose("has ended");
      }
    });
  }

  private void hear(BufferedReader output) {
    try {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        answered(line);
      }
      lose("has ended");
    } catch (IOException e) {
      lose("cannot be heard any more (" + e.getMessage() + ")");
    }
  }

  private synchronized void answered(String line) {
    if (pending != null && line.startsWith(pending.prefix)) {
      pending.answer.complete(line.substring(pending.prefix.length()).strip());
    }
  }

  private void lose(String what) {
    Pending last;
    synchronized (this) {
      if (!ended.complete(SUBJECT + what)) {
        return;
      }
      last = pending;
    }
    endInput();
    process.destroyForcibly();
    if (last != null) {
      last.answer.completeExceptionally(new IOException(SUBJECT + what));
    }
  }

  /** Has the input closed, behind all that is to be written; false if that was begun before. */
  private boolean endInput() {
    synchronized (this) {
      if (isEnding) {
        return false;
      }
      isEnding = true;
    }
    writer.execute(() -> {
      try {
        input.close();
      } catch (IOException e) {
        log.debug("the input of torvtl-guard could not be closed", e);
      }
    });
    writer.shutdown();
    return true;
  }

  /**
   * Done when the child has ended or is lost, with the reason, a sentence; at once, whether or not
   * it is asked anything. After {@link #remove} or {@link #close} as well.
   */
  CompletableFuture<String> ended() {
    return ended;
  }

  /** The child, for a test. */
  ProcessHandle process() {
    return process.toHandle();
  }

  /**
   * Has a transaction done, and then guests' ports isolated, and the gateway's MAC address put into
   * forwarding tables.
   *
   * @param statements of nft; may be none
   * @throws IOException with nft's own words if it was refused, or because the child is lost
   */
  void apply(List<String> statements, Segment segment) throws IOException {
    var ports = new ArrayList<String>();
    segment.all().forEach(port -> ports.add("member " + port.index()));
    segment.guests().forEach(port -> ports.add("guest " + port.index()));
    ForwardingEntries.of(segment).forEach(entry -> ports.add("entry " + entry));
    var answer = ask("transaction", lines(statements), lines(ports));
    if (!answer.equals("ok")) {
      throw new IOException(answer);
    }
  }

  private static String lines(List<String> lines) {
    return lines.stream().map(line -> line + "\n").collect(Collectors.joining());
  }

  /**
   * What the table tells.
   *
   * @param owned the MAC addresses of each port that has a set of them, by index
   * @param devices the indexes of what may send the gateway's frames only
   */
  record Table(Map<Integer, Set<Long>> owned, Set<Integer> devices) {}

  /**
   * The table as it is; none if there is none.
   *
   * @throws IOException if that cannot be told, or because the child is lost
   */
  Optional<Table> table() throws IOException {
    var answer = ask("table", "", "");
    if (answer.equals("none")) {
      return Optional.empty();
    }
    if (answer.startsWith("failed")) {
      throw new IOException(answer);
    }
    var owned = new LinkedHashMap<Integer, Set<Long>>();
    var sets = SET.matcher(answer);
    while (sets.find()) {
      var macs = new LinkedHashSet<Long>();
      if (sets.group(3) != null) {
        for (var mac : sets.group(3).split(",", -1)) {
          macs.add(HexFormat.fromHexDigitsToLong(mac.strip().replace(":", "")));
        }
      }
      owned.put(Integer.parseInt(sets.group(1)), macs);
    }
    var devices = CHAIN.matcher(answer).results().map(chain -> Integer.valueOf(chain.group(1)));
    return Optional.of(new Table(owned, devices.collect(Collectors.toSet())));
  }

  /**
   * The MAC addresses of each port that has a set of them, by index.
   *
   * @throws IOException if there is no table, or because the child is lost
   */
  Map<Integer, Set<Long>> owned() throws IOException {
    return table().orElseThrow(() -> new IOException("there is no table " + table)).owned();
  }

  private String ask(String word, String statements, String ports) throws IOException {
    // Only ASCII: interfaces have names that nft can be given.
    if (Math.max(statements.length(), ports.length()) > BYTES_AT_MOST) {
      throw new IOException(
          "a packet filter of %d bytes is too long".formatted(statements.length()));
    }
    var answer = new CompletableFuture<String>();
    synchronized (this) {
      if (ended.isDone() || isEnding) {
        throw new IOException(ended.getNow(SUBJECT + "was told to end"));
      }
      number++;
      pending = new Pending(number + " ", answer);
      write(
          header("%s %d %d %d".formatted(word, number, statements.length(), ports.length()))
              + statements
              + ports);
    }
    return await(answer);
  }

  private static String header(String words) {
    return ("%-" + (HEADER_LENGTH - 1) + "s\n").formatted(words);
  }

  /** The answer, or why the child was lost. An interrupt waits too. */
  private String await(CompletableFuture<String> answer) throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return answer.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (TimeoutException e) {
          var reason = "does not answer within " + limit.toSeconds() + " s";
          lose(reason);
          throw new IOException(SUBJECT + reason, e);
        } catch (ExecutionException e) {
          throw new IOException(ended.getNow(SUBJECT + "has ended"), e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Has the tables removed; returns when that is done. */
  void remove() throws IOException {
    boolean isAsked;
    synchronized (this) {
      isAsked = !isEnding;
      if (isAsked) {
        write(header("remove 0 0 0"));
      }
    }
    try {
      if (!isAsked
          || !endInput()
          || !process.waitFor(END.toMillis(), TimeUnit.MILLISECONDS)
          || process.exitValue() != 0) {
        throw new IOException(
            "a packet filter is left (nft delete table netdev %s removes it)".formatted(table));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while a packet filter was removed", e);
    }
  }

  /** Ends it, with the tables left there. More calls do nothing. */
  @Override
  public void close() {
    endInput();
  }
}
