/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/** UDP datagrams. */
public final class UdpFuzz {
  private static final int SOURCE = 0x0A000001;
  private static final int DESTINATION = 0x0A000002;
  private static final int LENGTH = 4;
  private static final int CHECKSUM = 6;

  private UdpFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) {
    var buf = Input.buffer(data);
    if (data.length >= UdpDatagram.HEADER_LENGTH && data[CHECKSUM] != 0) {
      int length = buf.getUnsignedShort(Input.OFFSET + LENGTH);
      long pseudo =
          InternetChecksum.pseudoHeaderSum(SOURCE, DESTINATION, Ipv4Packet.PROTOCOL_UDP, length);
      Input.correct(buf, CHECKSUM, length, pseudo);
    }
    var view = new UdpDatagram().wrap(buf, Input.OFFSET, data.length);
    if (view.defect(SOURCE, DESTINATION) == null) {
      Input.within(data, view.payloadOffset(), view.payloadLength());
    }
  }
}
