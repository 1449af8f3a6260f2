/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import org.torvtl.tcp.SipHash;

/**
 * Identifications for packets sent in fragments, RFC 791, section 3.2. They look random: from a
 * counter, a guest would learn how many the others get, and could guess the next one.
 */
final class FragmentIdentifications {
  private final SipHash hash;
  private long count;

  /**
   * @param secret {@link SipHash#KEY_LENGTH} random bytes
   */
  FragmentIdentifications(byte[] secret) {
    hash = new SipHash(secret);
  }

  /** The next one, 16 bits. */
  int next() {
    return (int) hash.of(count++) & 0xFFFF;
  }
}
