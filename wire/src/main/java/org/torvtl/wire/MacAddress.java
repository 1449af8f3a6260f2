/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import java.util.HexFormat;

/** 48-bit Ethernet addresses as the low bits of a {@code long}, first byte on the wire highest. */
public final class MacAddress {
  public static final int LENGTH = 6;
  public static final long BROADCAST = 0xFFFF_FFFF_FFFFL;

  private static final HexFormat TEXT = HexFormat.ofDelimiter(":");
  private static final long GROUP_BIT = 0x0100_0000_0000L;

  private MacAddress() {}

  /** The address at index {@code offset}. */
  public static long get(ByteBuf buf, int offset) {
    return (long) buf.getUnsignedShort(offset) << 32 | buf.getUnsignedInt(offset + 2);
  }

  /** Writes {@code address} at index {@code offset}; the bits above the 48th are ignored. */
  public static void set(ByteBuf buf, int offset, long address) {
    buf.setShort(offset, (int) (address >>> 32));
    buf.setInt(offset + 2, (int) address);
  }

  /** Whether it addresses a group, the broadcast address among them. IEEE 802, section 8. */
  public static boolean isGroup(long address) {
    return (address & GROUP_BIT) != 0;
  }

  /** The usual text, such as {@code 02:00:5e:10:00:01}. */
  public static String toString(long address) {
    var bytes = new byte[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
      bytes[i] = (byte) (address >>> 8 * (LENGTH - 1 - i));
    }
    return TEXT.formatHex(bytes);
  }
}
