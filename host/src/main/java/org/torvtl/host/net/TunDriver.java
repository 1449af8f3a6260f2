/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * The driver of TAP and TUN devices, and who may use it. docs.kernel.org/networking/tuntap.html.
 */
public final class TunDriver {
  /** The driver's file. */
  public static final Path FILE = Path.of("/dev/net/tun");

  private TunDriver() {}

  /**
   * Makes sure that the driver is there and may be opened.
   *
   * @throws SystemCallException if not
   */
  public static void check() throws SystemCallException {
    Libc.close(open("cannot open " + FILE));
  }

  /**
   * Opens the driver's file, non-blocking.
   *
   * @param cannot for an error, as {@code cannot open tap0}
   * @return a file descriptor, which is the caller's to close
   */
  public static int open(String cannot) throws SystemCallException {
    int fd = Libc.open(FILE.toString(), Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException(cannot, -fd, fix(-fd));
    }
    return fd;
  }

  /**
   * Whether any user of this host may attach to an interface when no program is: it is a TUN or TAP
   * without an owner and a group, and the driver's file is everybody's.
   */
  public static boolean isOpenToAll(NetworkInterface networkInterface) throws IOException {
    return Files.exists(FILE)
        && LinkTable.tun(networkInterface.name()).filter(LinkTable.Tun::isOpenToAll).isPresent()
        && Files.getPosixFilePermissions(FILE)
            .containsAll(Set.of(PosixFilePermission.OTHERS_READ, PosixFilePermission.OTHERS_WRITE));
  }

  private static String fix(int errno) {
    return switch (errno) {
      case Libc.ENOENT, Libc.ENODEV -> "load the driver: modprobe tun";
      case Libc.EACCES ->
          "the file is closed to this user: run as root; or grant CAP_NET_ADMIN, and let this user"
              + " open the file, which udev has at mode 0666, for it is the capability that protects"
              + " interfaces";
      // By the file's mode it is open: it is kept from this container.
      case Libc.EPERM -> "give the container the device: docker run --device " + FILE;
      default -> "";
    };
  }
}
