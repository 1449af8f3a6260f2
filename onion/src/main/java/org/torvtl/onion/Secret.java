/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.security.SecureRandom;
import java.util.HexFormat;

/** What a proxy and one of its routers know, and nobody else. docs/onion-protocol.md, section 4. */
public final class Secret {
  private static final int LENGTH = 32;

  private final byte[] bytes;

  private Secret(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A new one. */
  public static Secret draw(SecureRandom random) {
    var bytes = new byte[LENGTH];
    random.nextBytes(bytes);
    return new Secret(bytes);
  }

  /**
   * Reads what {@link #toHex} wrote.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static Secret parse(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    if (bytes.length != LENGTH) {
      throw new IllegalArgumentException("a secret has " + LENGTH + " bytes");
    }
    return new Secret(bytes);
  }

  /** The bytes as hexadecimal digits. */
  public String toHex() {
    return HexFormat.of().formatHex(bytes);
  }

  byte[] bytes() {
    return bytes.clone();
  }

  /** Tells nothing, so that it is in no log. */
  @Override
  public String toString() {
    return "secret";
  }
}
