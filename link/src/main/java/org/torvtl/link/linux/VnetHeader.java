/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/**
 * What a device says about a frame's offloads, before the frame. Virtio 1.2, section 5.1.6, in the
 * legacy form: fields of 16 bits are in the order of this machine.
 */
final class VnetHeader {
  static final int LENGTH = 10;

  private static final int FLAGS = 0, GSO_TYPE = 1;
  private static final int NEEDS_CHECKSUM = 1, DATA_VALID = 2;
  private static final int GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80;

  private VnetHeader() {}

  /** Whether the transport checksum was checked already, or is not there to be checked. */
  static boolean isChecksumTrusted(MemorySegment header) {
    return (header.get(JAVA_BYTE, FLAGS) & (NEEDS_CHECKSUM | DATA_VALID)) != 0;
  }

  /** Whether the frame is one packet, or one TCP segment however long: what a stack can take. */
  static boolean isTakeable(MemorySegment header) {
    return switch (header.get(JAVA_BYTE, GSO_TYPE) & ~GSO_ECN & 0xFF) {
      case GSO_NONE, GSO_TCPV4, GSO_TCPV6 -> true;
      default -> false;
    };
  }
}
