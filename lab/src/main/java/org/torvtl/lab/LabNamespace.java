/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.host.rtnetlink.Rtnetlink;
import org.torvtl.host.system.Command;
import org.torvtl.wire.Ipv4Network;

/**
 * The lab's network namespace and its cable to the current one.
 *
 * @param name the namespace's name, as {@code ip netns} knows it
 * @param hostInterface our end of the cable
 * @param subnet the addresses in it
 */
record LabNamespace(String name, String hostInterface, LabSubnet subnet) {
  private static final String LAB_INTERFACE = "lab0";

  /** The namespace's name for a lab's. */
  static String nameFor(String lab) {
    return "torvtl-" + lab;
  }

  /**
   * Makes the namespace and the cable, on the first free subnet.
   *
   * @param nodes how many nodes will have an address in it
   * @throws IOException if that is not permitted or there is no subnet left; what was made until
   *     then is still there
   */
  static LabNamespace create(String lab, int nodes) throws IOException, InterruptedException {
    String name = nameFor(lab);
    try {
      Command.run("ip", "netns", "add", name);
    } catch (IOException e) {
      throw new IOException(
          "cannot create network namespace " + name + ": " + e.getMessage() + " (run as root)", e);
    }
    var namespace = connect(name);
    namespace.configure(nodes);
    return namespace;
  }

  private static LabNamespace connect(String name) throws IOException, InterruptedException {
    for (int from = 0; ; ) {
      var inUse = inUse();
      int first = from;
      var subnet =
          LabSubnet.firstFree(from, inUse)
              .orElseThrow(() ->
                  new IOException(
                      "cannot connect "
                          + name
                          + ": no /24 of 198.18.0.0/15 is free from number "
                          + first
                          + " on"));
      String hostInterface = "tvtlab" + subnet.index();
      try {
        Command.run(
            "ip",
            "link",
            "add",
            hostInterface,
            "type",
            "veth",
            "peer",
            "name",
            LAB_INTERFACE,
            "netns",
            name);
        return new LabNamespace(name, hostInterface, subnet);
      } catch (IOException e) {
        // Two labs that start at once may choose the same one: the interface's name decides.
        if (!interfaceExists(hostInterface)) {
          throw e;
        }
        from = subnet.index() + 1;
      }
    }
  }

  /** The addresses of this host, where its routes lead, and their gateways. */
  private static List<Ipv4Network> inUse() throws IOException {
    try (var netlink = Rtnetlink.open()) {
      var inUse = new ArrayList<>(netlink.addresses());
      for (var route : netlink.routes()) {
        inUse.add(route.to());
        inUse.add(new Ipv4Network(route.gateway(), Integer.SIZE));
      }
      return inUse;
    }
  }

  private static boolean interfaceExists(String name) throws IOException {
    try (var lines = Files.lines(Path.of("/proc/net/dev"))) {
      return lines.anyMatch(line -> line.strip().startsWith(name + ":"));
    }
  }

  private void configure(int nodes) throws IOException, InterruptedException {
    var host = new StringBuilder();
    // No IPv6 link-local address: the cable carries Tor and nothing else.
    host.append("link set dev %s addrgenmode none\n".formatted(hostInterface));
    host.append("addr add %s dev %s\n".formatted(subnet.withPrefix(LabSubnet.HOST), hostInterface));
    host.append("link set dev %s up\n".formatted(hostInterface));
    Command.runWithInput(host.toString(), List.of("ip", "-batch", "-"));

    var lab = new StringBuilder();
    lab.append("link set dev lo up\n");
    lab.append("link set dev %s addrgenmode none\n".formatted(LAB_INTERFACE));
    for (int octet : List.of(LabSubnet.DNS, LabSubnet.WEB, LabSubnet.REFUSED, LabSubnet.WWW)) {
      lab.append("addr add %s dev %s\n".formatted(subnet.withPrefix(octet), LAB_INTERFACE));
    }
    for (int i = 0; i < nodes; i++) {
      lab.append(
          "addr add %s dev %s\n"
              .formatted(subnet.withPrefix(LabSubnet.FIRST_NODE + i), LAB_INTERFACE));
    }
    lab.append("link set dev %s up\n".formatted(LAB_INTERFACE));
    lab.append("route add unreachable %s/32\n".formatted(subnet.address(LabSubnet.UNREACHABLE)));
    // A cable that nobody listens at: what goes there is lost without a word.
    lab.append("link add sink0 type veth peer name sink1\n");
    for (var end : List.of("sink0", "sink1")) {
      lab.append("link set dev %s addrgenmode none arp off up\n".formatted(end));
    }
    lab.append("route add %s/32 dev sink0\n".formatted(subnet.address(LabSubnet.BLACKHOLE)));
    Command.runWithInput(lab.toString(), List.of("ip", "-netns", name, "-batch", "-"));
  }

  /** What goes before a command to run it in the namespace, in the same process. */
  List<String> launcher() {
    return launcher(name);
  }

  static List<String> launcher(String name) {
    return List.of("nsenter", "--net=/run/netns/" + name);
  }

  /**
   * Removes the namespace, and with it the cable; nothing if there is none.
   *
   * @throws IOException if it cannot be removed
   */
  static void delete(String name) throws IOException, InterruptedException {
    if (Files.exists(Path.of("/run/netns", name))) {
      Command.run("ip", "netns", "del", name);
    }
  }

  /**
   * Removes our end of the cable where it is still there: the kernel takes a namespace apart some
   * time after its removal.
   */
  static void deleteInterface(String hostInterface) throws IOException, InterruptedException {
    if (interfaceExists(hostInterface)) {
      try {
        Command.run("ip", "link", "del", hostInterface);
      } catch (IOException e) {
        if (interfaceExists(hostInterface)) {
          throw e;
        }
      }
    }
  }
}
