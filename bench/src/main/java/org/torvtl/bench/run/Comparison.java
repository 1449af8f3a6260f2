/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.torvtl.bench.load.Outcome;
import org.torvtl.bench.load.Workload;
import org.torvtl.e2e.Gateway;
import org.torvtl.e2e.Machine;
import org.torvtl.e2e.PrivateLab;
import org.torvtl.e2e.RunningCommand;
import org.torvtl.e2e.WorstPacket;

/** Measures all sides in one run. */
final class Comparison implements Closeable {
  private static final int[] STREAMS = {1, 8};
  private static final int[] IN_FLIGHT = {1, 32, 256};

  /** Downloads through Tor on each side before the first that counts. */
  private static final int WARM_UP_DOWNLOADS = 3;

  /** Fetches of one byte in a round: whether one takes 5 ms or 50 is up to Tor, and chance. */
  private static final int FIRST_BYTES = 10;

  private static final double GIB = 1L << 30;
  private static final Duration SOON = Duration.ofSeconds(30);
  private static final Duration DOWNLOAD_DEADLINE = Duration.ofMinutes(5);

  /** Of {@code torvtl run}: no offloads of the kernel's, however the device could have them. */
  private static final String WITHOUT_OFFLOADS = "--no-offload";

  private final Plan plan;
  private final Figures figures;
  private final Consumer<String> progress;
  private final World world;
  private final Map<Side, World.Loaded> sides = new EnumMap<>(Side.class);
  private boolean counts;

  Comparison(Plan plan, Figures figures, Consumer<String> progress)
      throws IOException, InterruptedException {
    this.plan = plan;
    this.figures = figures;
    this.progress = progress;
    world = World.start(plan.held());
  }

  void run() throws IOException, InterruptedException {
    if (plan.has("startup")) {
      startups();
    }
    if (plan.has("stream") || plan.has("exchange") || plan.has("held")) {
      addSides();
    }
    if (plan.has("stream") || plan.has("exchange")) {
      warmUp();
      counts = true;
      for (int round = 1; round <= plan.rounds(); round++) {
        progress.accept("round %d of %d".formatted(round, plan.rounds()));
        round(round % 2 == 0);
      }
    }
    if (plan.has("held")) {
      held();
    }
    if (plan.has("neighbor")) {
      neighbor();
    }
    if (plan.has("tor")) {
      tor();
    }
  }

  private void addSides() throws IOException, InterruptedException {
    sides.put(Side.DIRECT, world.direct());
    world
        .redsocks()
        .ifPresentOrElse(
            redsocks -> sides.put(Side.REDSOCKS, redsocks),
            () -> progress.accept("no redsocks here: its column is left out (make setup)"));
    sides.put(Side.GATEWAY, world.behind(world.gateway("tap0", List.of())));
    if (hasOption(WITHOUT_OFFLOADS)) {
      sides.put(
          Side.GATEWAY_WITHOUT_OFFLOADS,
          world.behind(world.gateway("tap1", List.of(WITHOUT_OFFLOADS))));
    } else {
      progress.accept("torvtl run has no " + WITHOUT_OFFLOADS + ": that column is left out");
    }
  }

  private boolean hasOption(String option) throws IOException, InterruptedException {
    return world
        .machine()
        .run(SOON, Machine.torvtl("run", "--help").toArray(String[]::new))
        .orThrow()
        .out()
        .contains(option);
  }

  private void startups() throws IOException, InterruptedException {
    counts = true;
    for (int i = 0; i < plan.rounds(); i++) {
      long startNanos = System.nanoTime();
      var gateway = world.gateway("tap9", List.of());
      note(Figure.STARTUP, Side.GATEWAY, (System.nanoTime() - startNanos) / 1e6);
      world.stop(gateway);
    }
    say(Figure.STARTUP);
  }

  /** Until compilers are done: a JVM compiles what it does often, and that takes it a while. */
  private void warmUp() throws IOException {
    progress.accept("warming up");
    int millis = plan.warmUpMillis();
    for (var side : sides.values()) {
      for (var direction : Workload.Direction.values()) {
        var unused =
            side.load().run(new Workload.Streams(direction, 8, millis), Outcome.Streamed.class);
      }
      var unused = side.load().run(new Workload.Exchanges(32, millis), Outcome.Exchanged.class);
    }
  }

  private void round(boolean backward) throws IOException {
    var order = new ArrayList<>(sides.keySet());
    if (backward) {
      order = new ArrayList<>(order.reversed());
    }
    if (plan.has("stream")) {
      for (int streams : STREAMS) {
        for (var direction : Workload.Direction.values()) {
          for (var side : order) {
            stream(direction, streams, side);
          }
          say(Figure.rate(direction, streams));
        }
      }
    }
    if (plan.has("exchange")) {
      for (int inFlight : IN_FLIGHT) {
        for (var side : order) {
          exchange(inFlight, side);
        }
        say(Figure.exchanges(inFlight));
      }
    }
  }

  private void stream(Workload.Direction direction, int streams, Side name) throws IOException {
    var side = loaded(name);
    double cpuBefore = side.tunnel().isPresent() ? side.tunnel().get().cpuSeconds() : 0;
    var outcome =
        side.load()
            .run(new Workload.Streams(direction, streams, plan.millis()), Outcome.Streamed.class);
    note(Figure.rate(direction, streams), name, outcome.bytesPerSecond() * 8 / 1e9);
    if (side.tunnel().isPresent()) {
      double cpu = side.tunnel().get().cpuSeconds() - cpuBefore;
      note(Figure.cpu(direction, streams), name, cpu / (outcome.bytes() / GIB));
      noteMemory(side.tunnel().get(), name);
    }
  }

  private void exchange(int inFlight, Side name) throws IOException {
    var side = loaded(name);
    var outcome =
        side.load().run(new Workload.Exchanges(inFlight, plan.millis()), Outcome.Exchanged.class);
    if (outcome.failures() > 0) {
      progress.accept("  %s: %d exchanges failed".formatted(name.title(), outcome.failures()));
    }
    note(Figure.exchanges(inFlight), name, outcome.perSecond());
    note(Figure.latency(inFlight, 50), name, outcome.latency().p50() / 1e3);
    note(Figure.latency(inFlight, 90), name, outcome.latency().p90() / 1e3);
    note(Figure.latency(inFlight, 99), name, outcome.latency().p99() / 1e3);
    if (side.tunnel().isPresent()) {
      noteMemory(side.tunnel().get(), name);
    }
  }

  private void noteMemory(ProcessUsage tunnel, Side side) throws IOException {
    if (plan.has("memory")) {
      note(Figure.LOADED, side, tunnel.residentMebibytes());
    }
  }

  private World.Loaded loaded(Side side) {
    return Objects.requireNonNull(sides.get(side));
  }

  private void note(Figure figure, Side side, double value) {
    if (counts) {
      figures.add(figure, side, value);
    }
  }

  /** Shows the values of the round that was just measured. */
  private void say(Figure figure) {
    if (!counts) {
      return;
    }
    var line = new StringBuilder("  %-28s".formatted(figure.title()));
    for (var side : Side.values()) {
      var values = figures.of(figure, side);
      if (!values.isEmpty()) {
        line.append("  %s %s".formatted(side.title(), figure.text(values.getLast())));
      }
    }
    progress.accept(line.append(' ').append(figure.unit()).toString());
  }

  /** With a gateway of its own, which has carried nothing before. */
  private void held() throws IOException, InterruptedException {
    counts = true;
    int count = plan.held();
    progress.accept("%,d connections".formatted(count));
    var gateway = world.gateway("tap2", List.of());
    var fresh = new EnumMap<Side, World.Loaded>(Side.class);
    fresh.put(Side.GATEWAY, world.behind(gateway));
    for (var side : List.of(Side.REDSOCKS, Side.DIRECT)) {
      if (sides.containsKey(side)) {
        fresh.put(side, loaded(side));
      }
    }
    for (var side : fresh.entrySet()) {
      hold(side.getKey(), side.getValue(), count);
    }
    world.stop(gateway);
    say(Figure.opened(count));
    say(Figure.answered(count));
    say(Figure.IDLE);
    say(Figure.each(count));
  }

  private void hold(Side name, World.Loaded side, int count) throws IOException {
    double idle = side.tunnel().isPresent() ? side.tunnel().get().residentMebibytes() : 0;
    var opened = side.load().run(new Workload.Hold(count), Outcome.Held.class);
    note(Figure.opened(count), name, opened.count());
    note(Figure.opening(count), name, opened.nanos() / 1e9);
    var used = side.load().run(new Workload.Use(), Outcome.Held.class);
    note(Figure.answered(count), name, used.count());
    if (side.tunnel().isPresent()) {
      double resident = side.tunnel().get().residentMebibytes();
      note(Figure.IDLE, name, idle);
      note(Figure.resident(count), name, resident);
      note(Figure.each(count), name, (resident - idle) * 1024 / Math.max(1, opened.count()));
    }
    var unused = side.load().run(new Workload.Release(), Outcome.Held.class);
  }

  private void neighbor() throws IOException, InterruptedException {
    progress.accept("a guest beside one that sends the worst packets");
    var roundTrip = new NeighborRoundTrip(world, plan.millis());
    for (int round = -1; round < plan.rounds(); round++) {
      counts = round >= 0;
      for (var packet : WorstPacket.values()) {
        note(
            Figure.elsewhere(packet), Side.GATEWAY, roundTrip.measureElsewhere(packet).p99Micros());
        say(Figure.elsewhere(packet));
        var result = roundTrip.measure(packet);
        note(Figure.neighbor(packet, 50), Side.GATEWAY, result.medianMicros());
        note(Figure.neighbor(packet, 99), Side.GATEWAY, result.p99Micros());
        note(Figure.neighbor(packet, 100), Side.GATEWAY, result.maxMicros());
        note(Figure.neighborLost(packet), Side.GATEWAY, result.lost());
        note(Figure.neighborAfter(packet), Side.GATEWAY, result.afterMillis());
        note(Figure.flood(packet), Side.GATEWAY, result.frames());
        say(Figure.neighbor(packet, 50));
        say(Figure.neighbor(packet, 99));
        say(Figure.neighbor(packet, 100));
        say(Figure.neighborLost(packet));
        say(Figure.neighborAfter(packet));
        say(Figure.flood(packet));
      }
    }
  }

  private void tor() throws IOException, InterruptedException {
    progress.accept("a private Tor network");
    var machine = world.machine();
    var lab = world.keep(PrivateLab.up(machine, "bench"));
    var web = lab.relays().getFirst().address().replaceFirst("\\d+$", "200");
    var socks = PrivateLab.SOCKS_ADDRESS + ":" + PrivateLab.SOCKS_PORT;
    var gateway =
        world.keep(
            Gateway.start(
                machine,
                "tap3",
                "-a",
                PrivateLab.SOCKS_ADDRESS,
                "-p",
                Integer.toString(PrivateLab.SOCKS_PORT)));
    var guest = world.guest(gateway);
    var large = fetch("http://%s/bytes/%d".formatted(web, plan.megabytes() * 1_000_000L));
    var small = fetch("http://%s/bytes/1".formatted(web));
    for (int round = -WARM_UP_DOWNLOADS; round < plan.rounds(); round++) {
      counts = round >= 0;
      note(Figure.TOR_RATE, Side.DIRECT, download(machine.start(bySocks(large, socks)))[0] / 1e6);
      note(Figure.TOR_RATE, Side.GATEWAY, download(guest.start(large))[0] / 1e6);
      for (int i = 0; i < FIRST_BYTES; i++) {
        note(
            Figure.TOR_FIRST_BYTE,
            Side.DIRECT,
            download(machine.start(bySocks(small, socks)))[1] * 1e3);
        note(Figure.TOR_FIRST_BYTE, Side.GATEWAY, download(guest.start(small))[1] * 1e3);
      }
      say(Figure.TOR_RATE);
      say(Figure.TOR_FIRST_BYTE);
    }
  }

  private static List<String> fetch(String url) {
    return List.of(
        "curl",
        "-sS",
        "-f",
        "-m",
        "300",
        "-o",
        "/dev/null",
        "-w",
        "%{speed_download} %{time_starttransfer}",
        url);
  }

  private static List<String> bySocks(List<String> fetch, String proxy) {
    var command = new ArrayList<>(fetch);
    command.addAll(List.of("--socks5-hostname", proxy));
    return command;
  }

  /** Bytes a second, and the seconds to the first byte. */
  private static double[] download(RunningCommand curl) throws IOException, InterruptedException {
    var line = curl.await(DOWNLOAD_DEADLINE).orThrow().line();
    return Arrays.stream(line.split(" ", -1)).mapToDouble(Double::parseDouble).toArray();
  }

  @Override
  public void close() throws IOException {
    world.close();
  }
}
