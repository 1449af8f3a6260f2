/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.torvtl.host.doctor.InterfaceCheck;
import org.torvtl.host.doctor.InterfaceCheck.Wait;
import org.torvtl.host.doctor.PacketFilterCheck;
import org.torvtl.host.doctor.ProgramCheck;
import org.torvtl.host.net.HostOnly;
import org.torvtl.host.system.DescriptorLimit;

class DoctorReportTest {
  private final StringWriter said = new StringWriter();
  private final DoctorReport report = new DoctorReport(new PrintWriter(said));

  private List<String> lines() {
    return said.toString().lines().toList();
  }

  private static InterfaceCheck.Found tap(Wait wait, HostOnly.Objection... objections) {
    return new InterfaceCheck.Found(true, wait, List.of(objections), false, false, false);
  }

  @Test
  void whatIsRightIsALineEach() {
    report.privileges(true, true);
    report.descriptors(new DescriptorLimit(524_288, 60));
    report.tunDriver();
    report.tor(new ProgramCheck.Runs("Tor version 0.4.8.16."));
    report.runDirectory();
    report.iproute(new ProgramCheck.Runs("ip utility"));
    report.nftables(new PacketFilterCheck.Works("nftables v1.1.3"));
    report.forwarding(false);
    assertThat(report.end()).isZero();
    assertThat(lines())
        .containsExactly(
            "ok       privileges: CAP_NET_ADMIN is there, for TAP and TUN devices",
            "ok       privileges: CAP_NET_RAW is there, for other interfaces",
            "ok       descriptors: 524288 files may be open",
            "ok       TUN device: /dev/net/tun can be opened",
            "ok       tor: Tor version 0.4.8.16",
            "ok       run directory: no other user can enter or replace it",
            "ok       iproute2: ip utility",
            "ok       nftables: nftables v1.1.3",
            "ok       forwarding: this host forwards no packets",
            "nothing stands in the way");
  }

  @Test
  void aProblemComesWithItsFixAndIsCounted() {
    report.privileges(false, true);
    report.tor(new ProgramCheck.Fails("cannot run tor: no such file"));
    assertThat(report.end()).isEqualTo(2);
    assertThat(lines())
        .containsExactly(
            "problem  privileges: CAP_NET_ADMIN is missing, so no TAP or TUN device can be opened",
            "         fix: run as root, or grant CAP_NET_ADMIN",
            "ok       privileges: CAP_NET_RAW is there, for other interfaces",
            "problem  tor: cannot run tor: no such file",
            "         fix: apt-get install tor, or name a proxy that is there already: -a ADDR -p PORT, or -a unix:PATH",
            "2 problems");
  }

  /** A message ends with what to do, in parentheses. */
  @Test
  void theFixOfAMessageIsTakenApart() {
    report.runDirectory(new IOException("cannot use /run/x: it is a file (remove it)"));
    assertThat(report.end()).isEqualTo(1);
    assertThat(lines())
        .containsExactly(
            "problem  run directory: cannot use /run/x: it is a file",
            "         fix: remove it",
            "1 problem");
  }

  @Test
  void aNoteIsNoProblem() {
    report.descriptors(new DescriptorLimit(1024, 60));
    report.forwarding(true);
    report.missing("tap7");
    report.undivided("veth7");
    assertThat(report.end()).isZero();
    assertThat(lines()).hasSize(5).filteredOn(line -> line.startsWith("note     ")).hasSize(4);
  }

  @Test
  void eachKindOfRulesThatIsRefusedIsAProblem() {
    report.nftables(new PacketFilterCheck.Refuses(Optional.of("no netdev"), Optional.empty()));
    report.nftables(new PacketFilterCheck.Refuses(Optional.of("a"), Optional.of("no reject")));
    report.nftables(new PacketFilterCheck.Fails("cannot run nft: no such file"));
    assertThat(report.end()).isEqualTo(4);
    assertThat(said.toString())
        .contains("so run refuses any but a TAP or TUN moved into a guest: no netdev")
        .contains("so run --route and onion route up are refused: no reject")
        .contains("problem  nftables: cannot run nft: no such file: this host cannot be kept off")
        .doesNotContain("ok  ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "DOWN | it is down; torvtl run brings it up",
        "PROGRAM | no program has it open yet: torvtl run does",
        "PORT | none of its ports is up yet: a virtual machine that starts brings its own",
        "GUEST | no guest is connected to it yet"
      })
  void whatADeviceWaitsForIsNoted(Wait wait, String text) {
    report.device("tap7", tap(wait), List.of());
    assertThat(report.end()).isZero();
    assertThat(lines())
        .containsExactly(
            "note     tap7: " + text, "ok       tap7: a TAP", "nothing stands in the way");
  }

  @Test
  void whatSpeaksAgainstADeviceIsAProblem() {
    report.device(
        "tap7",
        tap(Wait.NONE, new HostOnly.Objection("tap7 carries a route", "take it away")),
        List.of("dhcrelay hears"));
    assertThat(report.end()).isEqualTo(2);
    assertThat(lines())
        .containsExactly(
            "problem  tap7: tap7 carries a route",
            "         fix: take it away",
            "problem  tap7: dhcrelay hears",
            "         fix: end it, or keep it off tap7",
            "2 problems");
  }

  @Test
  void aTapThatAnybodyMayTakeAndAHostThatStaysAreProblems() {
    var found = new InterfaceCheck.Found(true, Wait.NONE, List.of(), true, true, true);
    report.device("tap.7", found, List.of());
    report.hostStays("tap.7", found);
    assertThat(report.end()).isEqualTo(4);
    assertThat(said.toString())
        .contains("torvtl tap create tap.7 (with --multi-queue")
        .contains("         fix: sysctl -w net.ipv4.conf.tap/7.arp_ignore=1");
  }
}
