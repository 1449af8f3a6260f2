/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Boot loaders as guests, with TCP/IP stacks and resolvers of their own: each fetches ten megabytes
 * by name, from the lab's world, with a static address, in a virtual machine on a bridge.
 */
@OnTestbed
class BootLoadersTest {
  private static final int BYTES = 10_000_000;
  private static final Duration SOON = Duration.ofSeconds(30), DEADLINE = Duration.ofMinutes(3);
  private static final String PARTS = Machine.PROJECT + "/target/boot";

  /** It has no command for digests: what it has fetched is found in the machine's memory. */
  private static final String IPXE =
      """
      #!ipxe
      set net0/ip 10.7.7.20
      set net0/netmask 255.0.0.0
      set net0/gateway 10.0.0.1
      set dns 10.0.0.1
      ifopen net0
      imgfetch --name sample http://web.lab.test/bytes/10000000 && imgstat && echo is fetched ||
      prompt waiting
      """;

  private static final String GRUB =
      """
      serial --unit=0
      terminal_output serial
      net_add_addr own efinet0 10.7.7.21
      net_add_route way 0.0.0.0/0 gw 10.0.0.1
      net_add_dns 10.0.0.1
      hashsum --hash sha256 --keep-going (http,web.lab.test)/bytes/10000000
      echo is done
      halt
      """;

  private final Testbed testbed;
  private final Machine machine;

  BootLoadersTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  @BeforeEach
  void onlyHere() {
    assumeTrue(VirtualMachine.isPossible(), "the boot loaders are for amd64");
  }

  /** On a bridge with a gateway of its own; {@code tap} is the machine's cable. */
  private interface Run {
    void in(String folder, String tap) throws Exception;
  }

  private void onABridge(String name, String mac, String address, Run run) throws Exception {
    String bridge = "br-" + name;
    String tap = "vm-" + name;
    machine.script("ip link add \"$1\" type bridge; ip link set \"$1\" up", bridge);
    try (var gateway =
        testbed.gateway(bridge, "-a", PrivateLab.SOCKS_ADDRESS, "-p", "" + PrivateLab.SOCKS_PORT)) {
      machine.script(
          """
          ip tuntap add "$2" mode tap
          ip link set "$2" up master "$1"
          mkdir /run/"$2"
          """,
          bridge,
          tap);
      testbed.noteGuestSide(bridge);
      testbed.noteGuestSide(tap);
      testbed.noteGuest(mac, address);
      run.in("/run/" + tap, tap);
      gateway.stop(Signal.TERM);
    } finally {
      machine.script(
          "ip link delete \"$2\"; ip link delete \"$1\"; rm -r /run/\"$2\"", bridge, tap);
    }
  }

  private RunningCommand boot(String tap, String mac, String... options) throws IOException {
    return VirtualMachine.boot(machine, tap, "virtio-net-pci,bootindex=2,mac=" + mac, options);
  }

  private String expected() throws Exception {
    return testbed
        .guest()
        .curl(SOON, "--fail", "http://web.lab.test/sha256/" + BYTES)
        .orThrow()
        .line();
  }

  @Test
  void ipxe() throws Exception {
    String mac = "52:54:00:00:00:20";
    onABridge(
        "ipxe",
        mac,
        "10.7.7.20",
        (folder, tap) -> {
          Files.writeString(machine.file(folder + "/script"), IPXE);
          try (var qemu =
              boot(
                  tap,
                  mac,
                  "-machine",
                  "pc,accel=tcg,graphics=off",
                  "-m",
                  "128",
                  "-kernel",
                  PARTS + "/boot/ipxe.lkrn",
                  "-initrd",
                  folder + "/script",
                  "-monitor",
                  "unix:" + folder + "/monitor,server=on,wait=off")) {
            qemu.awaitOutput("it to be fetched", text -> text.contains("is fetched"), DEADLINE);
            assertThat(qemu.output()).contains(BYTES + " bytes");
            machine.script(
                """
                {
                  echo "pmemsave 0 0x8000000 \\"$1/memory\\""
                  until [ "$(stat -c %s "$1"/memory 2>/dev/null)" = $((0x8000000)) ]; do :; done
                  echo quit
                } | nc -NU "$1"/monitor
                """,
                folder);
            qemu.await(SOON);
          }
          assertThat(digestOfTheSample(Files.readAllBytes(machine.file(folder + "/memory"))))
              .isEqualTo(expected());
        });
  }

  /** SHA-256 of as many bytes as were fetched, from where the first few of them are. */
  private String digestOfTheSample(byte[] memory) throws Exception {
    var first =
        testbed
            .guest()
            .curl(SOON, "--fail", "http://web.lab.test/bytes/64", "-o", "/run/first")
            .orThrow();
    assertThat(first.exitStatus()).isZero();
    byte[] beginning = Files.readAllBytes(machine.file("/run/first"));
    var text = new String(memory, StandardCharsets.ISO_8859_1);
    var sought = new String(beginning, StandardCharsets.ISO_8859_1);
    var digests = new ArrayList<String>();
    for (int at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + 1)) {
      if (at + BYTES <= memory.length) {
        digests.add(
            HexFormat.of()
                .formatHex(
                    MessageDigest.getInstance("SHA-256")
                        .digest(Arrays.copyOfRange(memory, at, at + BYTES))));
      }
    }
    // A piece may be left of a buffer it came through.
    String right = expected();
    return digests.contains(right) ? right : "none of " + digests;
  }

  @Test
  void grub() throws Exception {
    String mac = "52:54:00:00:00:21";
    onABridge(
        "grub",
        mac,
        "10.7.7.21",
        (folder, tap) -> {
          Files.writeString(machine.file(folder + "/grub.cfg"), GRUB);
          machine.script(
              """
              mkdir -p "$2"/disk/EFI/BOOT
              LD_LIBRARY_PATH="$1"/usr/lib/x86_64-linux-gnu:"$1"/lib/x86_64-linux-gnu \\
                "$1"/usr/bin/grub-mkimage -d "$1"/usr/lib/grub/x86_64-efi -O x86_64-efi \\
                -o "$2"/disk/EFI/BOOT/BOOTX64.EFI -p /EFI/BOOT -c "$2"/grub.cfg \\
                efinet http net hashsum gcry_sha256 serial terminal echo halt normal test
              """,
              PARTS,
              folder);
          try (var qemu =
              boot(
                  tap,
                  mac,
                  "-machine",
                  "q35,accel=tcg",
                  "-m",
                  "256",
                  "-bios",
                  PARTS + "/usr/share/ovmf/OVMF.fd",
                  "-drive",
                  "file=fat:rw:" + folder + "/disk,format=raw,if=none,id=disk",
                  "-device",
                  "virtio-blk-pci,drive=disk,bootindex=1")) {
            qemu.awaitOutput("GRUB to be done", text -> text.contains("is done"), DEADLINE);
            assertThat(qemu.output()).contains(expected());
          }
        });
  }
}
