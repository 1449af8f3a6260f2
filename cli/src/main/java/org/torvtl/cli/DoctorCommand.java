/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.filter.KillSwitch;
import org.torvtl.host.net.HostOnly;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.Command;
import org.torvtl.host.system.DescriptorLimit;
import org.torvtl.host.user.Privileges;
import org.torvtl.link.guard.LinkGuard;
import org.torvtl.link.linux.TunDevice;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.process.PrivateDirectory;
import org.torvtl.tor.process.SupervisedTor;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Looks at this host, changes nothing, and names each problem with its fix. */
@CommandLine.Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Looks at this host for what torvtl needs, and names each problem with what to do about it.",
      "With -a and -p, it greets the Tor proxy that torvtl run would use, in place of its own tor.",
      "Changes nothing. Exit status 1 if there is a problem.",
      ""
    })
final class DoctorCommand implements Callable<Integer> {
  private static final Path IPV4_FORWARDING = Path.of("/proc/sys/net/ipv4/ip_forward");

  @Option(
      names = {"-d", "--device"},
      paramLabel = "DEV",
      description = "Look at this interface too, as torvtl run -d would use it.")
  private @Nullable String device;

  @Option(
      names = "--allow-host",
      description =
          "Look at it as torvtl run --allow-host would use it: with this host on the link.")
  private boolean allowHost;

  @ArgGroup(exclusive = false)
  private @Nullable ProxyOptions proxy;

  @Spec private CommandSpec spec;

  private int problems;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private DoctorCommand() {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    var chosen = device == null ? null : Arguments.networkInterface(spec, "-d", device);
    var external = proxy == null ? null : proxy.address(spec);
    privileges();
    descriptors();
    tunDriver();
    if (external == null) {
      tor();
      runDirectory();
    } else {
      proxy(external);
    }
    iproute();
    nftables();
    if (chosen == null) {
      forwarding();
    } else {
      networkInterface(chosen);
    }
    out()
        .println(
            problems == 0
                ? "nothing stands in the way"
                : problems == 1 ? "1 problem" : problems + " problems");
    out().flush();
    return problems == 0 ? 0 : 1;
  }

  private void privileges() throws IOException {
    if (Privileges.has(Privileges.Capability.NET_ADMIN)) {
      ok("privileges", "CAP_NET_ADMIN is there, for TAP and TUN devices");
    } else {
      problem(
          "privileges",
          "CAP_NET_ADMIN is missing, so no TAP or TUN device can be opened",
          "run as root, or grant CAP_NET_ADMIN");
    }
    if (Privileges.has(Privileges.Capability.NET_RAW)) {
      ok("privileges", "CAP_NET_RAW is there, for other interfaces");
    } else {
      problem(
          "privileges",
          "CAP_NET_RAW is missing, so no interface other than a TAP or TUN can be used",
          "run as root, or grant CAP_NET_RAW");
    }
  }

  private void descriptors() throws IOException {
    var limit = DescriptorLimit.current();
    int wanted = StackConfig.DEFAULT_MAX_CONNECTIONS;
    if (Descriptors.connections(limit.left(), 1) >= wanted) {
      ok("descriptors", "%d files may be open".formatted(limit.most()));
    } else {
      note(
          "descriptors",
          "%s: %s"
              .formatted(
                  Descriptors.shortage(limit, 1, wanted), Descriptors.advice(limit, 1, wanted)));
    }
  }

  private void tunDriver() {
    try {
      TunDevice.checkDriver();
      ok("TUN device", "/dev/net/tun can be opened");
    } catch (IOException e) {
      if (Files.exists(Path.of("/dev/net/tun"))) {
        problem("TUN device", e);
      } else {
        problem(
            "TUN device",
            reason(e),
            "modprobe tun; in a container, give it the device (docker run --device /dev/net/tun)");
      }
    }
  }

  private void tor() throws InterruptedException {
    try {
      var version = Command.run("tor", "--version").lines().findFirst().orElse("");
      ok("tor", version.replaceFirst("\\.$", ""));
    } catch (IOException e) {
      problem(
          "tor",
          String.valueOf(e.getMessage()),
          "apt-get install tor, or name a proxy that is there already: -a ADDR -p PORT, or -a"
              + " unix:PATH");
    }
  }

  private void proxy(SocketAddress external) {
    var found = ProxyOptions.look(external);
    if (found.isUsable()) {
      ok("Tor proxy", found.text());
    } else {
      problem("Tor proxy", found.text(), found.fix());
    }
  }

  private void runDirectory() {
    try {
      PrivateDirectory.check(SupervisedTor.Options.forDevice("tap0", null).runBase());
      ok("run directory", "no other user can enter or replace it");
    } catch (IOException e) {
      problem("run directory", e);
    }
  }

  private void iproute() throws InterruptedException {
    try {
      ok("iproute2", Command.run("ip", "-V").strip());
    } catch (IOException e) {
      problem("iproute2", String.valueOf(e.getMessage()), "apt-get install iproute2");
    }
  }

  private void nftables() throws IOException, InterruptedException {
    try {
      String version = Command.run("nft", "--version").strip();
      if (Privileges.has(Privileges.Capability.NET_ADMIN)) {
        Command.run("nft", "list", "tables");
        boolean takesAll = takesGuardRules();
        takesAll &= takesKillSwitch();
        if (!takesAll) {
          return;
        }
      }
      ok("nftables", version);
    } catch (IOException e) {
      problem(
          "nftables",
          e.getMessage()
              + ": this host cannot be kept off a guests' link, so run takes nothing but a TAP or TUN"
              + " moved into a guest; and a program that binds to an interface, or uses IPv6, cannot"
              + " be kept from passing a TUN by, so run --route and onion route up are refused",
          "apt-get install nftables; the kernel must have nf_tables");
    }
  }

  private boolean takesGuardRules() throws InterruptedException {
    try {
      Command.runWithInput(
          String.join("\n", LinkGuard.sample()) + "\n", List.of("nft", "--check", "-f", "-"));
      return true;
    } catch (IOException e) {
      problem(
          "nftables",
          "the kernel does not take the rules that keep this host off a guests' link, so run refuses"
              + " any but a TAP or TUN moved into a guest: "
              + e.getMessage(),
          "use a kernel from 5.16 on, with nf_tables of the netdev family, ingress and egress, and"
              + " limits (modules nf_tables, nft_limit)");
      return false;
    }
  }

  private boolean takesKillSwitch() throws IOException, InterruptedException {
    var sample = KillSwitch.sample();
    try {
      Command.runWithInput(sample, List.of("nft", "--check", "-f", "-"));
      return true;
    } catch (IOException e) {
      problem(
          "nftables",
          "the kernel does not take the rules that keep programs of this host from passing a TUN by,"
              + " so run --route and onion route up are refused: "
              + e.getMessage(),
          "use a kernel with nf_tables of the inet family, and reject (modules nf_tables,"
              + " nft_reject_inet)");
      return false;
    }
  }

  private void forwarding() throws IOException {
    if (isOn(IPV4_FORWARDING)) {
      note(
          "forwarding",
          "this host forwards packets: no harm to guests on a TAP by itself, but look at any other"
              + " interface with torvtl doctor -d DEV");
    } else {
      ok("forwarding", "this host forwards no packets");
    }
  }

  private static boolean isOn(Path setting) throws IOException {
    try {
      return !Files.readString(setting).strip().equals("0");
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private void networkInterface(NetworkInterface chosen) throws IOException {
    String name = chosen.name();
    if (!chosen.exists()) {
      note(name, "there is no such interface; torvtl run -d %s makes a TAP".formatted(name));
      return;
    }
    if (!chosen.isEthernet()) {
      problem(
          name,
          "it does not carry Ethernet frames",
          "choose a TAP, a bridge, or a host-only interface; for a TUN say run --tun");
      return;
    }
    if (!chosen.isUp()) {
      note(name, "it is down; torvtl run brings it up");
    } else if (!chosen.isRunning()) {
      note(name, idle(chosen));
    }
    var objections = HostOnly.objections(chosen, allowHost);
    for (var objection : objections) {
      problem(name, objection.reason(), objection.fix());
    }
    if (objections.isEmpty()) {
      ok(name, chosen.isTap() ? "a TAP" : "host-only: nothing there leads to another network");
    }
    if (TunDevice.isOpenToAll(chosen)) {
      problem(
          name,
          "it has no owner: while torvtl is not running, any user of this host can attach to it and"
              + " be the guests' gateway",
          "while no program uses it: torvtl tap create %s (with --multi-queue if it is one for --lanes, and --user if another program is to use it)"
              .formatted(name));
    }
    for (var listener : HostListeners.on(chosen)) {
      problem(name, listener, "end it, or keep it off " + name);
    }
    if (!allowHost || !HostOnly.isSharedWithHost(chosen)) {
      if (UndividedSegment.isUndivided(chosen)) {
        note(
            name,
            "several guests there could read and impersonate each other, torvtl cannot keep them"
                + " apart on it: "
                + UndividedSegment.REMEDY);
      }
      return;
    }
    problem(
        name,
        "with --allow-host, guests reach this host's addresses and services there, and its kernel"
            + " may answer what they forge over its real network",
        "leave out --allow-host: the host is then off the link while torvtl run serves");
    problem(
        name,
        "with --allow-host, guests on this segment can read and impersonate each other",
        "leave out --allow-host, or " + UndividedSegment.REMEDY);
    if (HostOnly.tellsOtherAddresses(chosen)) {
      problem(
          name,
          "guests there can find out this host's addresses on other networks, by asking for them"
              + " with ARP",
          "sysctl -w net.ipv4.conf.%s.arp_ignore=1".formatted(name.replace('.', '/')));
    }
  }

  /** What an interface waits for that is up and has no carrier. */
  private static String idle(NetworkInterface chosen) throws IOException {
    if (chosen.isTap()) {
      return "no program has it open yet: torvtl run does";
    }
    return chosen.driver().startsWith("bridge")
        ? "none of its ports is up yet: a virtual machine that starts brings its own"
        : "no guest is connected to it yet";
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }

  private void ok(String what, String text) {
    out().printf("ok       %s: %s%n", what, text);
  }

  private void note(String what, String text) {
    out().printf("note     %s: %s%n", what, text);
  }

  /** Whose message ends with what to do about it, in parentheses. */
  private void problem(String what, Exception cause) {
    problem(
        what,
        reason(cause),
        String.valueOf(cause.getMessage()).replaceFirst(".* \\(([^()]*)\\)$", "$1"));
  }

  private static String reason(Exception cause) {
    return String.valueOf(cause.getMessage()).replaceFirst(" \\([^()]*\\)$", "");
  }

  private void problem(String what, String text, String fix) {
    problems++;
    out().printf("problem  %s: %s%n         fix: %s%n", what, text, fix);
  }
}
