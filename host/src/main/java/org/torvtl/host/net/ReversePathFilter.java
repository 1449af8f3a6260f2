/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Whether the kernel drops a packet whose source it has no route to through the interface that the
 * packet came by: {@code rp_filter} of ip-sysctl. RFC 3704, section 2.
 */
public final class ReversePathFilter {
  private static final Path CONFIGURATION = Path.of("/proc/sys/net/ipv4/conf");

  private static final int STRICT = 1;

  /** Accept a packet if there is any route to where it comes from. RFC 3704, section 2.4. */
  private static final String LOOSE = "2";

  private ReversePathFilter() {}

  /** Has the interface take what comes from anywhere that there is a route to. */
  public static void loosen(NetworkInterface networkInterface) throws IOException {
    Files.writeString(file(networkInterface.name()), LOOSE);
  }

  /**
   * Whether replies of the world would be dropped at an interface, since the host's own way there
   * leads through another one.
   */
  public static boolean dropsReplies(String networkInterface) throws IOException {
    // The stricter of the two counts, except that loose is above strict. ip-sysctl.
    return Math.max(setting("all"), setting(networkInterface)) == STRICT;
  }

  private static int setting(String name) throws IOException {
    return Integer.parseInt(Files.readString(file(name)).strip());
  }

  private static Path file(String name) {
    return CONFIGURATION.resolve(name).resolve("rp_filter");
  }
}
