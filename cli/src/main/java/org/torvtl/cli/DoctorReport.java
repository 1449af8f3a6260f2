/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.List;
import org.torvtl.host.doctor.InterfaceCheck;
import org.torvtl.host.doctor.PacketFilterCheck;
import org.torvtl.host.doctor.ProgramCheck;
import org.torvtl.host.net.TunDriver;
import org.torvtl.host.system.DescriptorLimit;
import org.torvtl.host.user.Privileges;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.socks.ProxyFinding;

/** Says what {@code doctor} has found: a line each, and one more for what to do. */
final class DoctorReport {
  private static final String NO_GUARD =
      "the kernel does not take the rules that keep this host off a guests' link, so run refuses"
          + " any but a TAP or TUN moved into a guest: ";
  private static final String NO_KILL_SWITCH =
      "the kernel does not take the rules that keep programs of this host from passing a TUN by,"
          + " so run --route and onion route up are refused: ";

  private final PrintWriter out;
  private int problems;

  DoctorReport(PrintWriter out) {
    this.out = out;
  }

  /** How many there were; said as well. */
  int end() {
    out.println(
        problems == 0
            ? "nothing stands in the way"
            : problems == 1 ? "1 problem" : problems + " problems");
    out.flush();
    return problems;
  }

  void privileges(boolean isNetworkAdministrator, boolean hasPacketSockets) {
    if (isNetworkAdministrator) {
      ok("privileges", "CAP_NET_ADMIN is there, for TAP and TUN devices");
    } else {
      problem(
          "privileges",
          "CAP_NET_ADMIN is missing, so no TAP or TUN device can be opened",
          Privileges.NET_ADMIN_FIX);
    }
    if (hasPacketSockets) {
      ok("privileges", "CAP_NET_RAW is there, for other interfaces");
    } else {
      problem(
          "privileges",
          "CAP_NET_RAW is missing, so no interface other than a TAP or TUN can be used",
          Privileges.NET_RAW_FIX);
    }
  }

  void descriptors(DescriptorLimit limit) {
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

  void tunDriver() {
    ok("TUN device", TunDriver.FILE + " can be opened");
  }

  void tunDriver(IOException failure) {
    if (Files.exists(TunDriver.FILE)) {
      problem("TUN device", failure);
    } else {
      problem(
          "TUN device",
          reason(failure),
          "modprobe tun; in a container, give it the device (docker run --device /dev/net/tun)");
    }
  }

  void tor(ProgramCheck found) {
    switch (found) {
      case ProgramCheck.Runs runs -> ok("tor", runs.version().replaceFirst("\\.$", ""));
      case ProgramCheck.Fails fails ->
          problem(
              "tor",
              fails.reason(),
              "apt-get install tor, or name a proxy that is there already: -a ADDR -p PORT, or -a"
                  + " unix:PATH");
    }
  }

  void proxy(ProxyFinding found) {
    if (found.isUsable()) {
      ok("Tor proxy", found.text());
    } else {
      problem("Tor proxy", found.text(), found.fix());
    }
  }

  void runDirectory() {
    ok("run directory", "no other user can enter or replace it");
  }

  void runDirectory(IOException failure) {
    problem("run directory", failure);
  }

  void iproute(ProgramCheck found) {
    switch (found) {
      case ProgramCheck.Runs runs -> ok("iproute2", runs.version());
      case ProgramCheck.Fails fails ->
          problem("iproute2", fails.reason(), "apt-get install iproute2");
    }
  }

  void nftables(PacketFilterCheck found) {
    switch (found) {
      case PacketFilterCheck.Works works -> ok("nftables", works.version());
      case PacketFilterCheck.Fails fails ->
          problem(
              "nftables",
              fails.reason()
                  + ": this host cannot be kept off a guests' link, so run takes nothing but a TAP or TUN"
                  + " moved into a guest; and a program that binds to an interface, or uses IPv6, cannot"
                  + " be kept from passing a TUN by, so run --route and onion route up are refused",
              "apt-get install nftables; the kernel must have nf_tables");
      case PacketFilterCheck.Refuses refuses -> {
        refuses
            .guard()
            .ifPresent(reason ->
                problem(
                    "nftables",
                    NO_GUARD + reason,
                    "use a kernel from 5.16 on, with nf_tables of the netdev family, ingress and"
                        + " egress, and limits (modules nf_tables, nft_limit)"));
        refuses
            .killSwitch()
            .ifPresent(reason ->
                problem(
                    "nftables",
                    NO_KILL_SWITCH + reason,
                    "use a kernel with nf_tables of the inet family, and reject (modules nf_tables,"
                        + " nft_reject_inet)"));
      }
    }
  }

  void forwarding(boolean forwards) {
    if (forwards) {
      note(
          "forwarding",
          "this host forwards packets: no harm to guests on a TAP by itself, but look at any other"
              + " interface with torvtl doctor -d DEV");
    } else {
      ok("forwarding", "this host forwards no packets");
    }
  }

  void missing(String name) {
    note(name, "there is no such interface; torvtl run -d %s makes a TAP".formatted(name));
  }

  void notEthernet(String name) {
    problem(
        name,
        "it does not carry Ethernet frames",
        "choose a TAP, a bridge, or a host-only interface; for a TUN say run --tun");
  }

  /** Says what holds with and without {@code --allow-host}. */
  void device(String name, InterfaceCheck.Found found, List<String> listeners) {
    waits(name, found.waitsFor());
    for (var objection : found.objections()) {
      problem(name, objection.reason(), objection.fix());
    }
    if (found.objections().isEmpty()) {
      ok(name, found.isTap() ? "a TAP" : "host-only: nothing there leads to another network");
    }
    if (found.isOpenToAll()) {
      problem(
          name,
          "it has no owner: while torvtl is not running, any user of this host can attach to it and"
              + " be the guests' gateway",
          "while no program uses it: torvtl tap create %s (with --multi-queue if it is one for --lanes, and --user if another program is to use it)"
              .formatted(name));
    }
    for (var listener : listeners) {
      problem(name, listener, "end it, or keep it off " + name);
    }
  }

  private void waits(String name, InterfaceCheck.Wait what) {
    switch (what) {
      case NONE -> {}
      case DOWN -> note(name, "it is down; torvtl run brings it up");
      case PROGRAM -> note(name, "no program has it open yet: torvtl run does");
      case PORT ->
          note(name, "none of its ports is up yet: a virtual machine that starts brings its own");
      case GUEST -> note(name, "no guest is connected to it yet");
    }
  }

  void undivided(String name) {
    note(
        name,
        "several guests there could read and impersonate each other, torvtl cannot keep them"
            + " apart on it: "
            + UndividedSegment.REMEDY);
  }

  /** Says what {@code --allow-host} costs. */
  void hostStays(String name, InterfaceCheck.Found found) {
    problem(
        name,
        "with --allow-host, guests reach this host's addresses and services there, and its kernel"
            + " may answer what they forge over its real network",
        "leave out --allow-host: the host is then off the link while torvtl run serves");
    problem(
        name,
        "with --allow-host, guests on this segment can read and impersonate each other",
        "leave out --allow-host, or " + UndividedSegment.REMEDY);
    if (found.tellsOtherAddresses()) {
      problem(
          name,
          "guests there can find out this host's addresses on other networks, by asking for them"
              + " with ARP",
          "sysctl -w net.ipv4.conf.%s.arp_ignore=1".formatted(name.replace('.', '/')));
    }
  }

  private void ok(String what, String text) {
    out.printf("ok       %s: %s%n", what, text);
  }

  private void note(String what, String text) {
    out.printf("note     %s: %s%n", what, text);
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
    out.printf("problem  %s: %s%n         fix: %s%n", what, text, fix);
  }
}
