/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.torvtl.link.linux.NetworkInterface;
import org.torvtl.tor.lab.Command;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;

/**
 * The way of some of the host's packets into the tunnel device: one policy rule; in its table, for
 * each network, a route into the device and, for when that is gone, one that refuses; and a packet
 * filter table of our own. All are named by these values, so that they can be found again without
 * any memory of what was done.
 */
record OnionRoute(
    int from, List<Ipv4Network> to, NetworkInterface device, int table, int priority) {
  /** Behind every other route to the same network. */
  private static final String LAST_METRIC = "4294967295";

  /** What nft and ip say about what is not there. */
  private static final List<String> NOT_THERE =
      List.of("No such process", "No such file or directory", "Cannot find device");

  /**
   * Makes it all.
   *
   * @throws UserException if there is no such device, or the host has no such address
   * @throws IOException if it cannot be made; nothing of it is left then
   */
  void up() throws IOException, UserException, InterruptedException {
    if (!LocalAddresses.all().contains(from)) {
      throw new UserException(
          "cannot route from %s: this host has no such address (ip addr shows those it has)"
              .formatted(Ipv4Address.toString(from)));
    }
    if (!device.exists()) {
      throw new UserException(
          "cannot route into %s: there is no such interface (start 'torvtl onion proxy', or: ip tuntap add dev %s mode tun)"
              .formatted(device.name(), device.name()));
    }
    try {
      // The refusing routes come first, and the rule last: no packet goes another way meanwhile.
      for (var network : to) {
        ip(
            "route replace unreachable %s table %d metric %s"
                .formatted(network, table, LAST_METRIC));
        ip("route replace %s dev %s table %d".formatted(network, device.name(), table));
      }
      Command.run("nft", filter());
      removeRule();
      ip("rule add from %s table %d priority %d".formatted(address(), table, priority));
    } catch (IOException e) {
      down();
      throw e;
    }
  }

  /** Removes it, as far as it is there. */
  void down() throws IOException, InterruptedException {
    removeRule();
    for (var network : to) {
      remove(
          ipWords(
              "route del unreachable %s table %d metric %s"
                  .formatted(network, table, LAST_METRIC)));
      remove(ipWords("route del %s dev %s table %d".formatted(network, device.name(), table)));
    }
    remove(new String[] {"nft", "delete table ip " + filterName()});
  }

  private void removeRule() throws IOException, InterruptedException {
    // The kernel takes the same rule any number of times.
    while (remove(
        ipWords("rule del from %s table %d priority %d".formatted(address(), table, priority)))) {}
  }

  private String address() {
    return Ipv4Address.toString(from);
  }

  /** In hexadecimal, since an interface may be called what nft would not take. */
  private String filterName() {
    return "torvtl_onion_%s_%08x".formatted(hex(device.name()), from);
  }

  private static String hex(String text) {
    return text.chars().mapToObj("%02x"::formatted).collect(Collectors.joining());
  }

  /** Makes the table in one transaction, in place of one that may be there. */
  private String filter() {
    return """
    add table ip %1$s
    delete table ip %1$s
    table ip %1$s {
      comment "made by torvtl onion route up for %2$s"
      chain output {
        type filter hook output priority filter; policy accept;
        oifname "%2$s" ip saddr %3$s ip daddr { %4$s } tcp flags & rst == rst counter drop
      }
    }
    """
        .formatted(
            filterName(),
            device.name(),
            address(),
            to.stream().map(Ipv4Network::toString).collect(Collectors.joining(", ")));
  }

  private static void ip(String command) throws IOException, InterruptedException {
    Command.run(ipWords(command));
  }

  private static String[] ipWords(String command) {
    var words = new ArrayList<>(List.of("ip", "-4"));
    words.addAll(Arrays.asList(command.split(" ", -1)));
    return words.toArray(String[]::new);
  }

  /** Runs a command that removes something; {@code false} if it was not there. */
  private static boolean remove(String[] command) throws IOException, InterruptedException {
    try {
      Command.run(command);
      return true;
    } catch (IOException e) {
      if (NOT_THERE.stream().anyMatch(String.valueOf(e.getMessage())::contains)) {
        return false;
      }
      throw e;
    }
  }

  /** In words for the user. */
  @Override
  public String toString() {
    return "from %s to %s into %s (table %d, priority %d)"
        .formatted(
            address(),
            to.stream().map(Ipv4Network::toString).collect(Collectors.joining(", ")),
            device.name(),
            table,
            priority);
  }
}
