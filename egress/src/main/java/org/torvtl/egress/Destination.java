/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.UnknownHostException;

/** Where a stream is to go: an address or a name, and a port. */
public sealed interface Destination {
  /** TCP port, 0 to 65535. */
  int port();

  /** An IPv4 or IPv6 address; a host name that {@code address} may hold is not used. */
  record Address(InetAddress address, int port) implements Destination {
    public Address {
      requirePort(port);
    }

    @Override
    public String toString() {
      return NetUtil.toSocketAddressString(new java.net.InetSocketAddress(address, port));
    }
  }

  /**
   * A host name, for the far end to resolve: labels of 1 to 63 letters, digits, hyphens and
   * underscores, at most 253 characters; one dot at the end is allowed.
   */
  record Name(String name, int port) implements Destination {
    private static final int MAX_NAME = 253;
    private static final int MAX_LABEL = 63;

    public Name {
      requirePort(port);
      requireName(name);
    }

    @Override
    public String toString() {
      return name + ":" + port;
    }

    private static void requireName(String name) {
      String bare = name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
      if (bare.isEmpty() || bare.length() > MAX_NAME) {
        throw new IllegalArgumentException("a host name has 1 to 253 characters");
      }
      int label = 0;
      for (int i = 0; i < bare.length(); i++) {
        char c = bare.charAt(i);
        if (c == '.') {
          if (label == 0) {
            throw new IllegalArgumentException("a host name with an empty label");
          }
          label = 0;
        } else if (!isLabelCharacter(c)) {
          throw new IllegalArgumentException(
              "a host name with the character U+%04X".formatted((int) c));
        } else if (++label > MAX_LABEL) {
          throw new IllegalArgumentException("a host name with a label over 63 characters");
        }
      }
      if (label == 0) {
        throw new IllegalArgumentException("a host name with an empty label");
      }
    }

    private static boolean isLabelCharacter(char c) {
      return (c >= 'a' && c <= 'z')
          || (c >= 'A' && c <= 'Z')
          || (c >= '0' && c <= '9')
          || c == '-'
          || c == '_';
    }
  }

  /**
   * An IPv4 destination as packets carry it.
   *
   * @param address network byte order
   */
  static Destination ofIpv4(int address, int port) {
    byte[] bytes = {
      (byte) (address >>> 24), (byte) (address >>> 16), (byte) (address >>> 8), (byte) address
    };
    try {
      return new Address(InetAddress.getByAddress(bytes), port);
    } catch (UnknownHostException e) {
      throw new AssertionError("four bytes are an address", e);
    }
  }

  private static void requirePort(int port) {
    if (port < 0 || port > 0xFFFF) {
      throw new IllegalArgumentException("a port is 0 to 65535, not " + port);
    }
  }
}
