/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.security.SecureRandom;
import java.util.HexFormat;
import org.torvtl.egress.IsolationKey;

/**
 * Makes isolation keys, each of them once: no other device, and no other run, ever has the same.
 */
final class IsolationKeys {
  private static final int NONCE_BYTES = 16;

  private final String prefix;
  private long made;

  /**
   * @param device the name of the device whose guests they are for
   */
  IsolationKeys(String device, SecureRandom random) {
    var nonce = new byte[NONCE_BYTES];
    random.nextBytes(nonce);
    // The kernel allows most bytes in the name of a device; an isolation key is ASCII.
    prefix = HexFormat.of().formatHex(nonce) + "-" + device.replaceAll("[^!-~]", "?") + "-";
  }

  /** A new key; it tells whom it is for. */
  IsolationKey next(String guest) {
    return new IsolationKey(prefix + guest + "-" + made++);
  }

  /** How many there are. */
  long made() {
    return made;
  }
}
