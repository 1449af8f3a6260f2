/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import org.torvtl.wire.Ipv4Packet;

/** IPv4 packets and fragments. */
public final class Ipv4Fuzz {
  private static final int CHECKSUM = 10;
  private static final int MOST = 1 << 16;

  private Ipv4Fuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) {
    var buf = Input.buffer(data);
    if (data.length > 0) {
      Input.correct(buf, CHECKSUM, (data[0] & 0xF) * 4, 0);
    }
    var view = new Ipv4Packet().wrap(buf, Input.OFFSET, data.length);
    if (view.defect() == null) {
      Input.within(data, view.offset(), view.totalLength());
      Input.within(data, view.payloadOffset(), view.payloadLength());
      Input.check(
          view.fragmentOffset() + view.payloadLength() < MOST, "a fragment beyond any packet");
    }
  }
}
