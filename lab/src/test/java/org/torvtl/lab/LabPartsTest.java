/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.torvtl.host.system.Command;
import org.torvtl.tor.process.ProcessIdentity;
import org.torvtl.wire.Ipv4Network;

class LabPartsTest {
  private static LabState state(
      ProcessIdentity owner,
      boolean detached,
      boolean ready,
      Map<String, ProcessIdentity> processes) {
    var loopback = InetAddress.getLoopbackAddress();
    return new LabState(
        "x",
        owner,
        detached,
        ready,
        "torvtl-x",
        "tvtlab0",
        new InetSocketAddress(loopback, 19050),
        new InetSocketAddress(loopback, 19051),
        processes,
        Map.of("auth1", "198.18.0.10"));
  }

  private static ProcessIdentity dead() {
    var me = ProcessIdentity.current();
    return new ProcessIdentity(me.pid(), me.startTicks() - 1);
  }

  @Test
  void aStateSurvivesItsFile(@TempDir Path directory) throws IOException {
    assertThat(LabState.load(directory)).isEmpty();
    var state =
        state(ProcessIdentity.current(), true, true, Map.of("auth1", new ProcessIdentity(12, 34)));
    state.save(directory);
    assertThat(LabState.load(directory)).contains(state);
    assertThat(Files.readString(directory.resolve("lab.properties")))
        .contains(
            "socks=127.0.0.1:19050\n",
            "control=127.0.0.1:19051\n",
            "torrc=" + directory.resolve("client.torrc"));
  }

  @Test
  void aBrokenStateFileIsAnErrorThatNamesIt(@TempDir Path directory) throws IOException {
    Files.writeString(directory.resolve("lab.properties"), "name=x\nowner=12\n");
    assertThatThrownBy(() -> LabState.load(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("lab.properties");
  }

  @Test
  void aLabIsInUseWhileItsOwnerLivesOrItsNodesAreOnTheirOwn() {
    var alive = Map.of("auth1", ProcessIdentity.current());
    var gone = Map.of("auth1", dead());
    assertThat(state(ProcessIdentity.current(), false, false, Map.of()).isInUse()).isTrue();
    assertThat(state(dead(), true, true, alive).isInUse()).isTrue();
    assertThat(state(dead(), true, true, gone).isInUse()).isFalse();
    assertThat(state(dead(), true, false, alive).isInUse()).as("half started").isFalse();
    assertThat(state(dead(), false, true, alive).isInUse()).as("left behind").isFalse();
  }

  private static Optional<LabSubnet> firstFree(int from, String... inUse) {
    return LabSubnet.firstFree(from, Stream.of(inUse).map(Ipv4Network::parse).toList());
  }

  @Test
  void theFirstFreeSubnetIsOneThatNothingMentions() {
    assertThat(firstFree(0, "0.0.0.0/0", "192.0.2.1")).contains(new LabSubnet(0));
    assertThat(firstFree(0, "198.18.0.1/24", "198.18.1.0/24")).contains(new LabSubnet(2));
    assertThat(firstFree(0, "198.18.0.0/22")).contains(new LabSubnet(4));
    assertThat(firstFree(0, "198.18.0.0/16")).contains(new LabSubnet(256));
    assertThat(firstFree(0, "198.18.0.0/15")).isEmpty();
    assertThat(firstFree(7, "198.18.7.9")).contains(new LabSubnet(8));
    assertThat(new LabSubnet(257).withPrefix(10)).isEqualTo("198.19.1.10/24");
  }

  @Test
  void theFlagsOfAConsensusAreByNickname() {
    var flags =
        Consensus.flags(
            """
            network-status-version 3
            r relay1 AAAA BBBB 2038-01-01 00:00:00 198.18.0.13 9001 0
            s Exit Fast Running
            w Bandwidth=0 Unmeasured=1
            r auth1 CCCC DDDD 2038-01-01 00:00:00 198.18.0.10 9001 9030
            s Authority Running
            """);
    assertThat(flags)
        .containsEntry("relay1", Set.of("Exit", "Fast", "Running"))
        .containsEntry("auth1", Set.of("Authority", "Running"));
    assertThat(
            Consensus.fingerprints(
                """
                router a 1.2.3.4 9001 0 0
                fingerprint 933B 5682 D92B CD21 58BA B943 CB2C 54FE 23AB 2E67
                family $0123456789ABCDEF0123456789ABCDEF01234567
                router b 1.2.3.5 9001 0 0
                fingerprint C663 2CE3 105E 5C97 FA54 ED7B 5533 CEEF 178D 6657
                """))
        .containsExactly(
            "933B5682D92BCD2158BAB943CB2C54FE23AB2E67", "C6632CE3105E5C97FA54ED7B5533CEEF178D6657");
  }

  @Test
  void onlyALabsOwnProcessesBelongToIt() {
    var lab = Path.of("/run/torvtl/lab-a");
    assertThat(
            LabProcesses.belongs(
                List.of("nsenter", "--net=/x", "setsid", "tor", "-f", lab + "/nodes/auth1/torrc"),
                lab))
        .isTrue();
    assertThat(
            LabProcesses.belongs(
                List.of("java", "-cp", "x", World.class.getName(), lab.toString(), "0"), lab))
        .isTrue();
    assertThat(LabProcesses.belongs(List.of("tor", "-f", lab + "b/nodes/auth1/torrc"), lab))
        .isFalse();
    assertThat(LabProcesses.belongs(List.of("tor", "-f", lab + "/client.torrc"), lab))
        .as("a guest of the network")
        .isFalse();
    assertThat(LabProcesses.belongs(List.of("tail", "-n5", lab + "/nodes/auth1/log"), lab))
        .isFalse();
    assertThat(LabProcesses.belongs(List.of(), lab)).isFalse();
  }

  @Test
  void theFirstVoteIsFarAwayAndThenAtTheTime() {
    for (long now = 1_800_000_000L; now < 1_800_000_000L + 3600; now += 7) {
      var far = LabTorrcs.VotingClock.farFrom(now);
      assertThat(Math.floorMod(far.offsetSeconds() - now, 1800L)).isEqualTo(1790);
      assertThat(far.offsetSeconds()).isBetween(0, 1799);
      var clock = LabTorrcs.VotingClock.at(now + 6);
      assertThat((now + 6 - clock.offsetSeconds()) % clock.intervalSeconds()).isZero();
      assertThat(1800 % clock.intervalSeconds()).isZero();
    }
  }

  @Test
  void aNameIsOnePathComponent() {
    assertThatThrownBy(() -> LabOptions.named("../x")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> LabOptions.named("")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> LabOptions.named("x").withNodes(2, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aFailedCommandSaysWhatItSaid() {
    assertThatThrownBy(() -> Command.run("sh", "-c", "echo no such thing >&2; exit 3"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no such thing");
    assertThatThrownBy(() -> Command.run("/no/such/program"))
        .hasMessageContaining("cannot run /no/such/program");
  }
}
