/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * Makes values of what stands on the command line; what cannot be one is wrong usage. Each takes
 * the option, to name it in the message.
 */
final class Arguments {
  private Arguments() {}

  static NetworkInterface networkInterface(CommandSpec spec, String option, String name) {
    try {
      return new NetworkInterface(name);
    } catch (IllegalArgumentException e) {
      throw wrong(spec, option + ": " + e.getMessage());
    }
  }

  static int ipv4Address(CommandSpec spec, String option, String text) {
    try {
      return hostAddress(spec, option, Ipv4Address.parse(text));
    } catch (IllegalArgumentException e) {
      throw wrong(
          spec, "%s: '%s' is not an IPv4 address, such as 10.0.0.1".formatted(option, text));
    }
  }

  private static int hostAddress(CommandSpec spec, String option, int address) {
    if (address == Ipv4Address.UNSPECIFIED
        || Ipv4Address.isLoopback(address)
        || Ipv4Address.isMulticast(address)
        || Ipv4Address.isReserved(address)) {
      throw wrong(
          spec,
          "%s: %s is no address a host can have on a link"
              .formatted(option, Ipv4Address.toString(address)));
    }
    return address;
  }

  /** A network, and an address in it that a host can have. */
  static Ipv4Network ipv4Network(CommandSpec spec, String option, String text) {
    try {
      var network = Ipv4Network.parse(text);
      hostAddress(spec, option, network.address());
      return network;
    } catch (IllegalArgumentException e) {
      throw wrong(
          spec,
          "%s: '%s' is not an IPv4 address and the length of its prefix, such as 10.5.51.2/24"
              .formatted(option, text));
    }
  }

  /** Where packets go: {@code NETWORK/BITS}, {@code ADDRESS}, or {@code default}. */
  static Ipv4Network destination(CommandSpec spec, String option, String text) {
    try {
      var network = Ipv4Network.parse(text.equals("default") ? "0.0.0.0/0" : text);
      if (network.address() != network.first()) {
        throw wrong(
            spec,
            "%s: '%s' has bits behind the first %d (say %s)"
                .formatted(option, text, network.prefixLength(), network.range()));
      }
      return network;
    } catch (IllegalArgumentException e) {
      throw wrong(
          spec,
          "%s: '%s' is no destination, such as 203.0.113.0/24: %s"
              .formatted(option, text, e.getMessage()));
    }
  }

  /** The proxy's address. A name is not looked up: that would tell a resolver what runs here. */
  static InetSocketAddress proxy(CommandSpec spec, String host, int port) {
    byte @Nullable [] bytes =
        NetUtil.createByteArrayFromIpAddressString(host.equals("localhost") ? "127.0.0.1" : host);
    if (bytes == null) {
      throw wrong(
          spec, "-a: '" + host + "' is not an IP address (the proxy's name is not looked up)");
    }
    try {
      return new InetSocketAddress(InetAddress.getByAddress(bytes), port);
    } catch (UnknownHostException e) {
      throw new AssertionError("4 or 16 bytes are an address", e);
    }
  }

  static ParameterException wrong(CommandSpec spec, @Nullable String message) {
    return new ParameterException(spec.commandLine(), String.valueOf(message));
  }
}
