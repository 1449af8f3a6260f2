/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import org.torvtl.wire.ArpPacket;

/** ARP packets. */
public final class ArpFuzz {
  private ArpFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) {
    var view = new ArpPacket().wrap(Input.buffer(data), Input.OFFSET, data.length);
    if (view.defect() == null) {
      Input.check(data.length >= ArpPacket.LENGTH, "a short packet has no defect");
      Input.check(!(view.isProbe() && view.isAnnouncement()), "a probe announces");
      Input.check(
          view.operation() == ArpPacket.REQUEST || view.operation() == ArpPacket.REPLY,
          "an operation that is not known");
    }
  }
}
