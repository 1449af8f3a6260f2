/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A {@link Machine} with a private Tor network, gateways to it and their guests; and, from before
 * the first guest on, a capture of its network.
 */
public final class Testbed implements Closeable {
  private final Machine machine;
  private final List<Closeable> parts = new ArrayList<>();
  private final List<Gateway> gateways = new ArrayList<>();
  private final List<Guest> guests = new ArrayList<>();
  private final Set<Integer> torPorts =
      new HashSet<>(Set.of(PrivateLab.SOCKS_PORT, PrivateLab.CONTROL_PORT));
  private final Set<Integer> deviceIndexes = new HashSet<>();
  private final Set<String> guestAddresses = new HashSet<>();
  private final Set<String> guestMacs = new HashSet<>();

  private PrivateLab lab;
  private Guest guest;
  private Capture everything;
  private Capture cable;

  @SuppressWarnings("NullAway.Init") // start() sets the rest or closes
  private Testbed(Machine machine) {
    this.machine = machine;
  }

  /** Builds all of it; the first guest is behind a gateway that uses the lab's own SOCKS port. */
  public static Testbed start() throws IOException, InterruptedException {
    var testbed = new Testbed(Machine.boot());
    try {
      testbed.build();
      return testbed;
    } catch (IOException | InterruptedException | RuntimeException e) {
      e.addSuppressed(new IllegalStateException(testbed.logs()));
      testbed.close();
      throw e;
    }
  }

  private void build() throws IOException, InterruptedException {
    lab = keep(PrivateLab.up(machine, "e2e"));
    everything = keep(Capture.ofAll(machine));
    cable = keep(Capture.of(machine, cableName()));
    guest =
        guestBehind(
            gateway(
                "tap0",
                "-a",
                PrivateLab.SOCKS_ADDRESS,
                "-p",
                Integer.toString(PrivateLab.SOCKS_PORT)));
    guest.configure("10.0.0.2/8", "10.0.0.1");
  }

  private <T extends Closeable> T keep(T part) {
    parts.add(part);
    return part;
  }

  private String cableName() throws IOException, InterruptedException {
    return machine.script("ip -o -4 address show scope global | awk '{ print $2; exit }'").line();
  }

  /** Starts a gateway on this machine. */
  public Gateway gateway(String device, String... arguments)
      throws IOException, InterruptedException {
    return gateway(Gateway.start(machine, device, arguments));
  }

  /** Starts a gateway that receives on one device and sends into another. */
  public Gateway gatewayBetween(String receive, String transmit, String... arguments)
      throws IOException, InterruptedException {
    var words = new ArrayList<>(List.of("-r", receive, "-t", transmit));
    words.addAll(List.of(arguments));
    noteGuestSide(transmit);
    return gateway(Gateway.startWith(machine, receive, words));
  }

  /** Starts a gateway of several devices, of which the result names the first. */
  public Gateway gatewayOf(List<String> devices, String... arguments)
      throws IOException, InterruptedException {
    var words = new ArrayList<String>();
    for (var device : devices) {
      words.addAll(List.of("-d", device));
    }
    words.addAll(List.of(arguments));
    var started = gateway(Gateway.startWith(machine, devices.getFirst(), words));
    for (var device : devices) {
      noteGuestSide(device);
    }
    return started;
  }

  private Gateway gateway(Gateway gateway) throws IOException, InterruptedException {
    keep(gateway);
    gateways.add(gateway);
    deviceIndexes.add(gateway.deviceIndex());
    noteTorPorts();
    return gateway;
  }

  /** An interface of the machine that guests are behind: what they send may be seen there. */
  public void noteGuestSide(String networkInterface) throws IOException, InterruptedException {
    deviceIndexes.add(
        Integer.valueOf(
            machine.script("cat /sys/class/net/\"$1\"/ifindex", networkInterface).line()));
  }

  /** An address that is to be seen where guests are, and nowhere else. */
  public void noteGuestAddress(String address) {
    guestAddresses.add(address);
  }

  /** A guest that is no network namespace. */
  public void noteGuest(String mac, String address) {
    guestMacs.add(mac);
    noteGuestAddress(address);
  }

  /**
   * A guest at the far end of a cable whose near end is a new interface of the machine.
   *
   * @param near the new interface; up, and whatever else the caller makes of it
   */
  public Guest guestAtCable(String near) throws IOException, InterruptedException {
    String far = near.replace('.', '_') + "-far";
    machine.script(
        "ip link add \"$1\" type veth peer name \"$2\"; ip link set \"$1\" up", near, far);
    noteGuestSide(near);
    return guest(new Guest(machine, "guest-" + near, far));
  }

  /**
   * A client of the lab that can be killed.
   *
   * @param options further lines of its torrc
   */
  public ClientTor clientTor(int socksPort, String... options)
      throws IOException, InterruptedException {
    torPorts.add(socksPort);
    return keep(ClientTor.start(machine, lab, socksPort, List.of(options)));
  }

  /** Ports where a tor listens on loopback now. */
  private void noteTorPorts() throws IOException, InterruptedException {
    machine
        .script("ss -H -ltnp | awk '/\"tor\"/ { n = split($4, a, \":\"); print a[n] }'")
        .out()
        .lines()
        .map(Integer::valueOf)
        .forEach(torPorts::add);
  }

  /** A guest with a gateway's device as its interface, not yet configured. */
  public Guest guestBehind(Gateway gateway) throws IOException, InterruptedException {
    return guestBehind(gateway.device());
  }

  /** As {@link #guestBehind(Gateway)}, with one of the gateway's devices. */
  public Guest guestBehind(String device) throws IOException, InterruptedException {
    return guest(new Guest(machine, "guest-" + device, device));
  }

  private Guest guest(Guest behind) throws IOException, InterruptedException {
    keep(behind);
    guests.add(behind);
    guestMacs.add(behind.mac());
    return behind;
  }

  /** Takes a guest away that is not needed any more. */
  public void remove(Guest old) throws IOException, InterruptedException {
    guestAddresses.addAll(old.addresses());
    guests.remove(old);
    parts.remove(old);
    old.close();
  }

  public Machine machine() {
    return machine;
  }

  public PrivateLab lab() {
    return lab;
  }

  public Guest guest() {
    return guest;
  }

  public Gateway gateway() {
    return gateways.getFirst();
  }

  /** What the captures saw, and who may say whether it should have been there. */
  public record Evidence(
      List<CapturedPacket> everything, List<CapturedPacket> cable, LeakDetector detector) {}

  /** What was captured until now. */
  public Evidence evidence() throws IOException, InterruptedException {
    noteTorPorts();
    var all = everything.soFar();
    return new Evidence(all, cable.soFar(), detector());
  }

  private LeakDetector detector() throws IOException, InterruptedException {
    for (var known : guests) {
      guestAddresses.addAll(known.addresses());
    }
    var spelledAddresses = new HashSet<String>();
    for (var address : guestAddresses) {
      spelledAddresses.add(CapturedPacket.spelled(address));
    }
    var own = machine.outsideAddress().orElseThrow();
    var cableAddresses =
        lab.relays().stream().map(PrivateLab.Relay::address).collect(Collectors.toSet());
    cableAddresses.add(own);
    var neighbours = new HashSet<>(cableAddresses);
    // The lab's own end of the cable, which has no relay.
    machine
        .script("ip -4 neighbour show | awk '{ print $1 }'")
        .out()
        .lines()
        .forEach(neighbours::add);
    return new LeakDetector(
        Set.copyOf(deviceIndexes),
        Integer.parseInt(machine.script("ip -o link show dev lo | cut -d: -f1").line()),
        cableAddresses,
        neighbours,
        Set.copyOf(torPorts),
        spelledAddresses,
        Set.copyOf(guestMacs));
  }

  /** What torvtl and tor logged. */
  public String logs() {
    var text = new StringBuilder();
    for (var known : gateways) {
      text.append(
          "--- torvtl run -d %s%s%n"
              .formatted(known.device(), known.isRunning() ? "" : " (ended)"));
      text.append(known.log()).append('\n');
    }
    try {
      text.append("--- lab\n").append(lab == null ? "is not up" : lab.logs());
    } catch (IOException | RuntimeException e) {
      text.append("(no logs of the lab: ").append(e.getMessage()).append(")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return text.toString();
  }

  @Override
  public void close() throws IOException {
    // All are closed, in reverse order, whatever one of them throws; the machine last.
    try (machine) {
      closeFrom(parts.size() - 1);
    }
  }

  private void closeFrom(int index) throws IOException {
    if (index >= 0) {
      try {
        parts.get(index).close();
      } finally {
        closeFrom(index - 1);
      }
    }
  }
}
