/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A real virtual machine on a {@link Machine}: QEMU without any help of the processor's, Debian's
 * kernel out of its package, and an initramfs with busybox whose one program fetches a file and
 * says its hash. {@code scripts/setup} puts the parts into {@code target/guest}.
 */
final class VirtualMachine implements Closeable {
  private static final String PARTS = Machine.PROJECT + "/target/guest";

  /** Unknown parameters of the kernel's command line come as variables. */
  private static final String INIT =
      """
      #!/bin/busybox sh
      /bin/busybox --install -s /bin
      export PATH=/bin
      mount -t proc proc /proc
      mount -t sysfs sysfs /sys
      mount -t devtmpfs dev /dev
      for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci \\
        failover net_failover "$card"; do
        insmod "/modules/$module.ko"
      done
      ip link set lo up
      ip address add "$address" dev eth0
      ip link set eth0 up
      ip route add default via "$router"
      echo "nameserver $router" >/etc/resolv.conf
      echo "guest: kernel $(uname -r), card $(basename "$(readlink /sys/class/net/eth0/device/driver)")"
      ping -c 1 -W 20 "$router" | grep ' bytes from '
      found=$(nslookup "$name" "$router" | awk '/^Address/ { found = $NF } END { print found }')
      echo "guest: $name is $found"
      printf 'GET /bytes/%s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' "$bytes" "$name" | nc "$found" 80 >/answer
      echo "guest: status $(head -n 1 /answer)"
      echo "guest: hash $(tail -c "$bytes" /answer | sha256sum)"
      poweroff -f
      """;

  /**
   * A model of network card.
   *
   * @param device as QEMU calls it
   * @param module as the kernel calls its driver
   */
  record Card(String device, String module) {}

  /**
   * The guest's network interface.
   *
   * @param tap a TAP of the machine, which becomes the guest's cable
   * @param mac hardware address
   * @param address IPv4, with prefix length
   * @param router IPv4 address of its router, and of its name server
   */
  record Interface(String tap, String mac, String address, String router) {}

  private final RunningCommand qemu;

  private VirtualMachine(RunningCommand qemu) {
    this.qemu = qemu;
  }

  /** Whether the parts are here; they are for this processor only. */
  static boolean isPossible() {
    return System.getProperty("os.arch").equals("amd64");
  }

  /**
   * Starts one.
   *
   * @param name the server to fetch from, and {@code bytes} how much
   */
  static VirtualMachine start(Machine machine, Card card, Interface network, String name, int bytes)
      throws IOException, InterruptedException {
    String folder = "/run/vm-" + network.tap();
    machine.script("mkdir -p \"$1\"/files/bin \"$1\"/files/proc", folder);
    machine.script(
        """
        cd "$1"/files
        mkdir -p sys dev etc
        cp "$2"/busybox bin/busybox
        cp -r "$2"/modules modules
        """,
        folder,
        PARTS);
    Path init = machine.file(folder + "/files/init");
    Files.writeString(init, INIT);
    machine.script(
        """
        cd "$1"/files
        chmod 755 init
        find . | cpio --quiet -o -H newc | gzip -1 >../initramfs
        """,
        folder);
    var append =
        "console=ttyS0 quiet panic=-1 card=%s address=%s router=%s name=%s bytes=%d"
            .formatted(card.module(), network.address(), network.router(), name, bytes);
    return new VirtualMachine(
        boot(
            machine,
            network.tap(),
            card.device() + ",mac=" + network.mac(),
            "-machine",
            "pc,accel=tcg",
            "-cpu",
            "max",
            "-m",
            "256",
            "-kernel",
            PARTS + "/vmlinuz",
            "-initrd",
            folder + "/initramfs",
            "-append",
            append));
  }

  /**
   * Starts QEMU with nothing but a serial line, which is its standard output, and a network card.
   *
   * @param tap of the machine, the card's cable
   * @param card its model as QEMU calls it, with properties
   * @param options the rest of the command line
   */
  static RunningCommand boot(Machine machine, String tap, String card, String... options)
      throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                "qemu-system-x86_64",
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
                "-serial",
                "stdio",
                "-netdev",
                "tap,id=cable,ifname=" + tap + ",script=no,downscript=no",
                "-device",
                card + ",netdev=cable,romfile="));
    command.addAll(List.of(options));
    return machine.start(command);
  }

  /** Waits until the guest has switched itself off, and gives what it said. */
  String await(Duration deadline) throws InterruptedException {
    return qemu.await(deadline).orThrow().out();
  }

  @Override
  public void close() {
    qemu.close();
  }
}
