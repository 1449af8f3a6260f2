/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.util.NetUtil;

/** IPv4 addresses as {@code int}s in network byte order: 10.0.0.1 is {@code 0x0A000001}. */
public final class Ipv4Address {
  public static final int LENGTH = 4;
  public static final int UNSPECIFIED = 0;
  public static final int BROADCAST = 0xFFFF_FFFF;

  private Ipv4Address() {}

  /**
   * The address of a dotted quad.
   *
   * @throws IllegalArgumentException if the text is not four decimal numbers from 0 to 255
   */
  public static int parse(String text) {
    if (!NetUtil.isValidIpV4Address(text)) {
      throw new IllegalArgumentException("not an IPv4 address: " + text);
    }
    byte[] bytes = NetUtil.createByteArrayFromIpAddressString(text);
    return fromBytes(bytes);
  }

  /** The address of four bytes in network byte order. */
  public static int fromBytes(byte[] bytes) {
    return (bytes[0] & 0xFF) << 24
        | (bytes[1] & 0xFF) << 16
        | (bytes[2] & 0xFF) << 8
        | (bytes[3] & 0xFF);
  }

  /** The four bytes in network byte order. */
  public static byte[] toBytes(int address) {
    return new byte[] {
      (byte) (address >>> 24), (byte) (address >>> 16), (byte) (address >>> 8), (byte) address
    };
  }

  /** The dotted quad. */
  public static String toString(int address) {
    return NetUtil.intToIpAddress(address);
  }

  /** 224.0.0.0/4. RFC 5771. */
  public static boolean isMulticast(int address) {
    return address >>> 28 == 0xE;
  }

  /** 127.0.0.0/8, never seen on a link. RFC 1122, section 3.2.1.3. */
  public static boolean isLoopback(int address) {
    return address >>> 24 == 127;
  }

  /** 240.0.0.0/4, the broadcast address among them. RFC 1112, section 4. */
  public static boolean isReserved(int address) {
    return address >>> 28 == 0xF;
  }
}
