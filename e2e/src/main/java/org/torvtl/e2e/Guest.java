/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A guest: a network namespace whose only interface, besides loopback, is a gateway's device.
 *
 * <p>The device is moved here from the machine's own network, as it is handed to a virtual machine.
 */
public final class Guest extends NetworkNamespace {
  /** Any server will do: the gateway answers for all of them. */
  public static final String ANY_NAMESERVER = "192.0.2.53";

  private final String device;
  private final Set<String> addresses = new TreeSet<>();

  public Guest(Machine machine, String name, Gateway gateway)
      throws IOException, InterruptedException {
    this(machine, name, gateway.device());
  }

  /**
   * @param device is moved here; its other end is on a link of a gateway's
   */
  Guest(Machine machine, String name, String device) throws IOException, InterruptedException {
    super(machine, name);
    this.device = device;
    machine.script(
        "ip link set \"$1\" netns \"$2\"; ip -n \"$2\" link set \"$1\" up", device, name);
    nameserver(ANY_NAMESERVER);
  }

  public String device() {
    return device;
  }

  /**
   * Gives the guest one address and one way out, in place of those it had.
   *
   * @param cidr address with prefix length
   * @param router next hop of the default route
   */
  public void configure(String cidr, String router) throws IOException, InterruptedException {
    machine()
        .script(
            """
            ip -n "$1" -4 address flush dev "$2"
            ip -n "$1" address add "$3" dev "$2"
            ip -n "$1" route replace default via "$4" dev "$2" onlink
            """,
            name(),
            device,
            cidr,
            router);
    noteAddresses();
  }

  private void noteAddresses() throws IOException, InterruptedException {
    machine()
        .script(
            "ip -n \"$1\" -o address show dev \"$2\" | awk '{ split($4, a, \"/\"); print a[1] }'",
            name(),
            device)
        .out()
        .lines()
        .forEach(addresses::add);
  }

  /** Every address the guest has had on its device, IPv4 and IPv6. */
  public Set<String> addresses() throws IOException, InterruptedException {
    noteAddresses();
    return Set.copyOf(addresses);
  }

  /** The hardware address of its device, as {@code ip link} prints it. */
  public String mac() throws IOException, InterruptedException {
    return run(Duration.ofSeconds(10), "cat", "/sys/class/net/" + device + "/address")
        .orThrow()
        .line();
  }

  /** Frames the gateway has taken from the device. */
  public long framesTaken() throws IOException, InterruptedException {
    return Long.parseLong(
        run(Duration.ofSeconds(10), "cat", "/sys/class/net/" + device + "/statistics/tx_packets")
            .orThrow()
            .line());
  }

  /** Fetches with curl, without its progress meter, whatever its exit status. */
  public CommandResult curl(Duration deadline, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("curl", "--silent", "--show-error"));
    command.addAll(List.of(arguments));
    return start(command).await(deadline);
  }

  /** The address of a name, as dig gets it from the gateway. */
  public String resolve(String hostName) throws IOException, InterruptedException {
    var answer =
        run(Duration.ofSeconds(40), "dig", "+short", "+time=15", "+tries=2", hostName, "A");
    return answer.orThrow().line();
  }
}
