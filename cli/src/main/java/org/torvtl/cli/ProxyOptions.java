/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.net.LocalAddresses;
import org.torvtl.host.socket.UnixSockets;
import org.torvtl.tor.egress.ProxyOwner;
import org.torvtl.tor.socks.PeerCheck;
import org.torvtl.tor.socks.ProxyFinding;
import org.torvtl.tor.socks.ProxyProbe;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** A tor that runs already: the options that say where, and the first connection to it. */
final class ProxyOptions {
  private static final String UNIX = "unix:";
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  @Option(
      names = {"-a", "--proxy-address"},
      required = true,
      paramLabel = "ADDR|unix:PATH",
      description =
          "IP address of a Tor SOCKS port that is there already, or localhost, or the path of its"
              + " Unix domain socket.")
  private String address = "";

  @Option(
      names = {"-p", "--proxy-port"},
      paramLabel = "PORT",
      converter = PortConverter.class,
      description =
          "Its TCP port; none with unix:PATH. Without -a and -p, torvtl runs a tor of its own.")
  private @Nullable Integer port;

  // Filled in by picocli.
  private ProxyOptions() {}

  /** Where the proxy is: a {@link UnixDomainSocketAddress} or an {@link InetSocketAddress}. */
  SocketAddress address(CommandSpec spec) {
    if (address.startsWith(UNIX)) {
      if (port != null) {
        throw Arguments.wrong(spec, "-p is for an IP address: leave it out with -a " + address);
      }
      return unix(spec, address.substring(UNIX.length()));
    }
    if (port == null) {
      throw Arguments.wrong(spec, "Missing required argument(s): --proxy-port=PORT");
    }
    return Arguments.proxy(spec, address, port);
  }

  private static UnixDomainSocketAddress unix(CommandSpec spec, String text) {
    Path path;
    try {
      path = Path.of(text);
    } catch (InvalidPathException e) {
      throw Arguments.wrong(spec, "-a: '" + text + "' is no path: " + e.getReason());
    }
    var absolute = path.toAbsolutePath();
    int length = absolute.toString().getBytes(StandardCharsets.UTF_8).length;
    if (text.isEmpty() || length > UnixSockets.MOST_PATH_BYTES) {
      throw Arguments.wrong(
          spec,
          "-a: '%s' is no path of a socket (1 to %d bytes; link to it by a shorter one)"
              .formatted(text, UnixSockets.MOST_PATH_BYTES));
    }
    return UnixDomainSocketAddress.of(absolute);
  }

  /** What listens there. */
  static ProxyFinding look(SocketAddress proxy) {
    return ProxyProbe.look(proxy, TIMEOUT);
  }

  /** As on the command line. */
  static String text(SocketAddress proxy) {
    return proxy instanceof InetSocketAddress inet
        ? NetUtil.toSocketAddressString(inet)
        : UNIX + proxy;
  }

  /**
   * Makes sure that the proxy isolates streams, and notes whose it is if it is on this host. It is
   * not waited for: a service manager that starts torvtl with tor starts it again.
   *
   * @throws UserException if it is not there, or something else is
   */
  static PeerCheck reach(SocketAddress proxy, Teardown teardown) throws UserException {
    var found = look(proxy);
    if (!found.isUsable()) {
      throw new UserException("%s (%s)".formatted(found.text(), found.fix()));
    }
    try {
      return proxy instanceof InetSocketAddress inet && !LocalAddresses.isLocal(inet.getAddress())
          ? PeerCheck.ANY
          : teardown.add(ProxyOwner.find(proxy, TIMEOUT));
    } catch (IOException e) {
      throw new UserException(
          "cannot reach the Tor proxy %s: %s (is tor running with that SocksPort? without -a and -p torvtl runs its own)"
              .formatted(text(proxy), e.getMessage()),
          e);
    }
  }
}
