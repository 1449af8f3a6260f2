/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import org.torvtl.wire.Icmpv4Message;

/** ICMP messages. */
public final class IcmpFuzz {
  private static final int CHECKSUM = 2;

  private IcmpFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) {
    var buf = Input.buffer(data);
    Input.correct(buf, CHECKSUM, data.length, 0);
    var view = new Icmpv4Message().wrap(buf, Input.OFFSET, data.length);
    if (view.defect() == null) {
      Input.within(data, view.payloadOffset(), view.payloadLength());
    } else {
      Input.check(data.length < Icmpv4Message.HEADER_LENGTH, "a right message has a defect");
    }
  }
}
