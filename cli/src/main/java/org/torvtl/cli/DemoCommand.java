/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.torvtl.egress.EgressListener;
import org.torvtl.gateway.FlowConfig;
import org.torvtl.gateway.Gateway;
import org.torvtl.gateway.GuestDevice;
import org.torvtl.gateway.PerDeviceIsolation;
import org.torvtl.host.net.GuestNamespace;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.user.Privileges;
import org.torvtl.lab.LabOptions;
import org.torvtl.lab.PrivateTorNetwork;
import org.torvtl.link.Link;
import org.torvtl.link.linux.DeviceLink;
import org.torvtl.link.linux.TunDevice;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.control.CircuitStatus;
import org.torvtl.tor.control.ControlAuthentication;
import org.torvtl.tor.control.RelayStatus;
import org.torvtl.tor.control.TorControl;
import org.torvtl.tor.egress.TorEgress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The main job on a network of our own: lab, gateway, guest; and a look at what happened. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    description = {
      "Shows the main job: a private Tor network, the gateway on a TAP, and a guest in a network"
          + " namespace that fetches a web page. Needs root, tor, iproute2 and curl. Leaves nothing"
          + " behind."
    })
final class DemoCommand implements Callable<Integer> {
  private static final String NAME = "demo";
  private static final String TAP = "tvt-demo";
  private static final String GUEST = "torvtl-demo-guest";
  private static final String GUEST_ADDRESS = "203.0.113.9/24";
  private static final String GUEST_GATEWAY = "203.0.113.1";
  private static final String URL = "http://web.lab.test/";
  private static final Pattern SEEN = Pattern.compile("You came from (\\S+)");
  private static final Pattern TIMES = Pattern.compile("(?m)^times (\\S+) (\\S+)$");

  @Option(names = "--shell", description = "Open a shell in the guest before the end.")
  private boolean shell;

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private DemoCommand() {}

  @Override
  public Integer call() throws IOException, UserException, InterruptedException {
    Logs.configure(false);
    if (!Privileges.isRoot()) {
      throw new UserException("cannot make network namespaces: not root (run it as root)");
    }
    try (var teardown = new Teardown()) {
      var lab = startLab(teardown);
      var guest = teardown.add(GuestNamespace.create(GUEST, GUEST_GATEWAY));
      startGateway(teardown, lab);
      guest.attach(TAP, GUEST_ADDRESS, GUEST_GATEWAY);
      var page = fetch(guest);
      boolean right = report(lab, page);
      if (shell) {
        shell(guest);
      }
      spec.commandLine().getErr().println("ending: guest, gateway, Tor network");
      return right ? 0 : 1;
    }
  }

  private static PrivateTorNetwork startLab(Teardown teardown)
      throws IOException, InterruptedException {
    try (var bar = new ProgressBar("private Tor network")) {
      return teardown.add(
          PrivateTorNetwork.start(
              LabOptions.named(NAME).withPorts(0, 0),
              (fraction, text) -> bar.show((int) (100 * fraction), text)));
    }
  }

  private void startGateway(Teardown teardown, PrivateTorNetwork lab)
      throws IOException, UserException {
    var device =
        teardown.add(TunDevice.open(new NetworkInterface(TAP), Link.Medium.ETHERNET, true));
    var gateway =
        teardown.add(
            new Gateway(
                List.of(
                    new GuestDevice(
                        TAP,
                        List.of(new DeviceLink(device)),
                        StackConfig.of(StackConfig.DEFAULT_ADDRESS),
                        new PerDeviceIsolation(TAP, new SecureRandom(), () -> false))),
                FlowConfig.DEFAULT,
                new TorEgress(
                    lab.socksAddress(),
                    ProxyOptions.reach(lab.socksAddress(), teardown),
                    EgressListener.NONE),
                new SecureRandom(),
                cause -> spec.commandLine().getErr().println("torvtl: " + cause.getMessage())));
    gateway.start();
  }

  /**
   * What a guest got.
   *
   * @param seen the address the server says the guest came from
   * @param nameSeconds time to the address of the name
   * @param firstByteSeconds time to the first byte of the answer
   */
  private record Page(String text, String seen, double nameSeconds, double firstByteSeconds) {}

  private static Page fetch(GuestNamespace guest)
      throws IOException, InterruptedException, UserException {
    var process =
        new ProcessBuilder(
                guest.command(
                    "curl",
                    "-sS",
                    "-m",
                    "60",
                    "-w",
                    "\ntimes %{time_namelookup} %{time_starttransfer}\n",
                    URL))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int status = process.waitFor();
    var seen = SEEN.matcher(output);
    var times = TIMES.matcher(output);
    if (status != 0 || !seen.find() || !times.find()) {
      throw new UserException(
          "the guest could not fetch " + URL + ": curl's exit status " + status);
    }
    return new Page(
        output.substring(0, times.start()).strip(),
        seen.group(1),
        Double.parseDouble(times.group(1)),
        Double.parseDouble(times.group(2)));
  }

  /** Tells what happened, and answers whether it was right: the server saw a circuit's exit. */
  private boolean report(PrivateTorNetwork lab, Page page) throws IOException {
    var out = spec.commandLine().getOut();
    out.printf("%nthe guest, %s behind %s, asked for %s and got:%n", GUEST_ADDRESS, TAP, URL);
    page.text().lines().forEach(line -> out.println("  | " + line));
    out.printf("%nthe server saw:       %s%n", page.seen());
    var right = false;
    try (var control =
        TorControl.connect(
            lab.controlAddress(),
            new ControlAuthentication.Cookie(lab.cookieFile()),
            TorControl.TIMEOUT)) {
      var relays =
          control.relays().stream()
              .collect(Collectors.toMap(RelayStatus::fingerprint, relay -> relay));
      var circuit =
          control.circuits().stream()
              .filter(c -> c.isBuilt() && c.socksPassword() != null)
              .map(c -> path(c, relays))
              .filter(path -> !path.isEmpty() && path.getLast().address().equals(page.seen()))
              .findFirst();
      if (circuit.isPresent()) {
        right = true;
        out.println("which is the exit of: " + describe(circuit.get()));
      } else {
        out.println("which is the exit of no circuit of ours: this is a defect");
      }
    }
    out.printf("name resolved after:  %.0f ms%n", page.nameSeconds() * 1000);
    out.printf("first byte after:     %.0f ms%n%n", page.firstByteSeconds() * 1000);
    out.flush();
    return right;
  }

  private static List<RelayStatus> path(CircuitStatus circuit, Map<String, RelayStatus> relays) {
    return circuit.path().stream()
        .map(relay -> relays.get(relay.fingerprint()))
        .filter(Objects::nonNull)
        .toList();
  }

  private static String describe(List<RelayStatus> path) {
    return path.stream()
        .map(relay -> relay.nickname() + " (" + relay.address() + ")")
        .collect(Collectors.joining(" > ", "guest > tor > ", " > server"));
  }

  private void shell(GuestNamespace guest) throws IOException, InterruptedException {
    var shellPath = System.getenv().getOrDefault("SHELL", "/bin/bash");
    var err = spec.commandLine().getErr();
    err.println(
        "a shell in the guest; try: curl " + URL + ", ip addr, dig web.lab.test; exit ends it");
    err.flush();
    new ProcessBuilder(guest.command(shellPath)).inheritIO().start().waitFor();
  }
}
