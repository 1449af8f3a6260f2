/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import org.torvtl.wire.EthernetFrame;

/** Ethernet frames. */
public final class EthernetFuzz {
  private EthernetFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) {
    var view = new EthernetFrame().wrap(Input.buffer(data), Input.OFFSET, data.length);
    if (view.defect() == null) {
      Input.check(view.type() >>> 16 == 0, "the type is larger than its field");
      Input.within(data, view.payloadOffset(), view.payloadLength());
    }
  }
}
