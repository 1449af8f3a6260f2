/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.doctor.ForwardingCheck;
import org.torvtl.host.doctor.InterfaceCheck;
import org.torvtl.host.doctor.PacketFilterCheck;
import org.torvtl.host.doctor.ProgramCheck;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.TunDriver;
import org.torvtl.host.system.DescriptorLimit;
import org.torvtl.host.user.Privileges;
import org.torvtl.link.guard.LinkGuard;
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

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private DoctorCommand() {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    var chosen = device == null ? null : Arguments.networkInterface(spec, "-d", device);
    var external = proxy == null ? null : proxy.address(spec);
    var report = new DoctorReport(spec.commandLine().getOut());
    report.privileges(
        Privileges.has(Privileges.Capability.NET_ADMIN),
        Privileges.has(Privileges.Capability.NET_RAW));
    report.descriptors(DescriptorLimit.current());
    tunDriver(report);
    if (external == null) {
      report.tor(ProgramCheck.of("tor", "--version"));
      runDirectory(report);
    } else {
      report.proxy(ProxyOptions.look(external));
    }
    report.iproute(ProgramCheck.of("ip", "-V"));
    report.nftables(PacketFilterCheck.of(LinkGuard.sample()));
    if (chosen == null) {
      report.forwarding(ForwardingCheck.forwards());
    } else {
      look(chosen, report);
    }
    return report.end() == 0 ? 0 : 1;
  }

  private static void tunDriver(DoctorReport report) {
    try {
      TunDriver.check();
      report.tunDriver();
    } catch (IOException e) {
      report.tunDriver(e);
    }
  }

  private static void runDirectory(DoctorReport report) {
    try {
      PrivateDirectory.check(SupervisedTor.Options.forDevice("tap0", null).runBase());
      report.runDirectory();
    } catch (IOException e) {
      report.runDirectory(e);
    }
  }

  private void look(NetworkInterface chosen, DoctorReport report) throws IOException {
    String name = chosen.name();
    switch (InterfaceCheck.of(chosen, allowHost)) {
      case InterfaceCheck.Missing _ -> report.missing(name);
      case InterfaceCheck.NotEthernet _ -> report.notEthernet(name);
      case InterfaceCheck.Found found -> {
        report.device(name, found, HostListeners.on(chosen));
        if (allowHost && found.isSharedWithHost()) {
          report.hostStays(name, found);
        } else if (UndividedSegment.isUndivided(chosen)) {
          report.undivided(name);
        }
      }
    }
  }
}
