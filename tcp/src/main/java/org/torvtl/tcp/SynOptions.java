/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpOptions;

/**
 * What the peer said in its SYN. RFC 9293, section 3.2; RFC 7323; RFC 2018.
 *
 * @param mss its maximum segment size, 0 for none
 * @param windowScaled whether it scales windows
 * @param windowScale its shift count, 0 to 14
 * @param sack whether it takes selective acknowledgments
 */
record SynOptions(int mss, boolean windowScaled, int windowScale, boolean sack) {
  static SynOptions of(TcpOptions options) {
    int shift = options.windowScale();
    return new SynOptions(
        options.mss(), shift >= 0, Math.clamp(shift, 0, 14), options.sackPermitted());
  }
}
