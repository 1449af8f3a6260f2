/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Sequence numbers that do not wrap.
 *
 * <p>On the wire they are 32 bits and compared modulo 2^32 (RFC 9293, section 3.4). Inside the
 * engine they are {@code long}s whose low 32 bits are those on the wire.
 */
final class SequenceNumbers {
  private SequenceNumbers() {}

  /**
   * The number nearest to {@code near} whose low 32 bits are {@code wire}: at most 2^31 away, where
   * exactly 2^31 counts as below.
   */
  static long extend(int wire, long near) {
    return near + (wire - (int) near);
  }
}
