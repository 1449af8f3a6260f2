/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Another user of the host attaches to no TAP and no TUN of torvtl's, to be the guests' gateway or
 * a queue of it. {@code /dev/net/tun} is everybody's here, as on most systems.
 */
@Execution(ExecutionMode.CONCURRENT)
class DeviceOwnerTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final String THIEF = "61234", GUEST = "61235";

  /** Attaches as a user to a device of a mode (1 TUN, 2 TAP, 256 more for several queues). */
  private static final String ATTACH =
      """
      import errno, fcntl, signal, struct, sys
      device, mode, hold = sys.argv[1:]
      fd = open('/dev/net/tun', 'r+b', buffering=0)
      try:
        fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', device.encode(), 0x1000 | int(mode)))
        print('attached', flush=True)
        if hold == 'yes': signal.pause()
      except OSError as e:
        print(errno.errorcode[e.errno])
      """;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    machine.script(
        """
        mkdir -p /dev/net
        mount -t tmpfs -o mode=755 tmpfs /dev/net
        mknod -m 666 /dev/net/tun c 10 200
        """);
    machine.startListener("127.0.0.1", "9055");
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  private Gateway start(String device, String... options) throws Exception {
    var words = new ArrayList<>(List.of(options));
    words.addAll(List.of("-a", "127.0.0.1", "-p", "9055"));
    return Gateway.startWith(machine, device, words);
  }

  private static List<String> attaching(String user, String device, int mode, String hold) {
    return List.of(
        "setpriv",
        "--reuid=" + user,
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "/usr/bin/python3",
        "-c",
        ATTACH,
        device,
        Integer.toString(mode),
        hold);
  }

  /** What becomes of a user's try. */
  private String attach(String user, String device, int mode) throws Exception {
    return machine.start(attaching(user, device, mode, "no")).await(DEADLINE).out().strip();
  }

  @ParameterizedTest
  @CsvSource({"'', 2", "--multi-queue, 258"})
  void aTapThatIsMadeIsItsMakers(String option, int mode) throws Exception {
    machine.script("\"$1\" tap create tap1 $2", Machine.PROJECT + "/torvtl", option);
    assertThat(attach(THIEF, "tap1", mode)).isEqualTo("EPERM");
    machine.script("\"$1\" tap create tap1 $2 --user nobody", Machine.PROJECT + "/torvtl", option);
    assertThat(attach(THIEF, "tap1", mode)).isEqualTo("EPERM");
    assertThat(attach("nobody", "tap1", mode)).isEqualTo("attached");
  }

  /** Made by torvtl, or by a user who knew nothing of owners. */
  @ParameterizedTest
  @CsvSource({
    "'', -d own0 --lanes 2, 258",
    "'', -d own0, 2",
    "ip tuntap add own0 mode tap, -d own0, 2",
    "ip tuntap add own0 mode tap multi_queue, -d own0 --lanes 2, 258",
    "ip tuntap add own0 mode tun, --tun own0 --route 10.99.0.0/16, 1",
    "ip tuntap add own0 mode tun multi_queue, --tun own0 --lanes 2, 257",
  })
  void aDeviceThatIsServedIsNobodyElses(String made, String options, int mode) throws Exception {
    machine.script(made);
    var gateway = start("own0", options.split(" ", -1));
    assertThat(attach(THIEF, "own0", mode)).isEqualTo("EPERM");
    gateway.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    if (!made.isEmpty()) {
      assertThat(attach(THIEF, "own0", mode)).as("after SIGKILL").isEqualTo("EPERM");
    }
  }

  /** A device that has an owner or a group keeps it. */
  @ParameterizedTest
  @ValueSource(strings = {"user " + GUEST, "group " + GUEST})
  void anOwnerIsKept(String owner) throws Exception {
    machine.script("ip tuntap add own0 mode tap " + owner);
    start("own0", "-d", "own0").stop(Signal.TERM);
    assertThat(machine.script("ip -d link show dev own0").out()).contains(owner);
    assertThat(attach(THIEF, "own0", 2)).isEqualTo("EPERM");
  }

  @Test
  void whoHasAttachedBeforeIsNotServedBeside() throws Exception {
    machine.script("ip tuntap add own0 mode tap multi_queue");
    try (var thief = machine.start(attaching(THIEF, "own0", 258, "yes"))) {
      thief.awaitOutput("to be attached", text -> text.contains("attached"), DEADLINE);
      var result =
          machine
              .start(
                  Machine.torvtl(
                      "run", "-d", "own0", "--lanes", "2", "-a", "127.0.0.1", "-p", "9055"))
              .await(DEADLINE);
      assertThat(result.exitStatus()).isNotZero();
      assertThat(result.err()).contains("another program is attached to it");
    }
  }

  @Test
  void theDoctorNamesADeviceWithoutAnOwner() throws Exception {
    machine.script("ip tuntap add own0 mode tap");
    var doctor = Machine.torvtl("doctor", "-d", "own0").toArray(String[]::new);
    assertThat(machine.start(List.of(doctor)).await(DEADLINE).out())
        .contains("problem  own0: it has no owner", "torvtl tap create own0");
    machine.script("\"$1\" tap create own0", Machine.PROJECT + "/torvtl");
    assertThat(machine.start(List.of(doctor)).await(DEADLINE).out()).doesNotContain("no owner");
    machine.script("ip link delete own0; ip tuntap add own0 mode tap; chmod 600 /dev/net/tun");
    assertThat(machine.start(List.of(doctor)).await(DEADLINE).out())
        .as("where nobody may open the driver")
        .doesNotContain("no owner");
  }
}
