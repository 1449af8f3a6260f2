/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Whether this host forwards packets of IPv4 between its interfaces: ip-sysctl, ip_forward. */
public final class ForwardingCheck {
  private static final Path IPV4 = Path.of("/proc/sys/net/ipv4/ip_forward");

  private ForwardingCheck() {}

  /** Whether it does now. */
  public static boolean forwards() throws IOException {
    try {
      return !Files.readString(IPV4).strip().equals("0");
    } catch (NoSuchFileException e) {
      return false;
    }
  }
}
