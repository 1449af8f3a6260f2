/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import io.netty.buffer.ByteBuf;
import java.lang.foreign.MemorySegment;
import org.torvtl.link.Link;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/** A frame that stands for many packets, as its {@link VnetHeader} tells. */
final class SuperFrame {
  /** Where a datagram has its length. */
  private static final int UDP_LENGTH = 4;

  private SuperFrame() {}

  /**
   * How much of a frame a stack is to be given: all of it if that is one packet or one TCP segment.
   * Of many UDP datagrams over IPv4 it is the first, so that it is answered, or refused; the frame
   * is changed to be just that.
   *
   * @param frame its beginning, from the first byte on; at least the headers of what is one packet
   * @param length of all of it
   * @return bytes; -1 if it is to be dropped
   */
  static int takeable(MemorySegment header, Link.Medium medium, ByteBuf frame, int length) {
    if (VnetHeader.isTakeable(header)) {
      return length;
    }
    int offset = 0;
    if (medium == Link.Medium.ETHERNET) {
      var ethernet = new EthernetFrame().wrap(frame, 0, length);
      if (ethernet.defect() != null || ethernet.type() != EthernetFrame.TYPE_IPV4) {
        return -1;
      }
      offset = ethernet.payloadOffset();
    }
    var ip = new Ipv4Packet().wrap(frame, offset, length - offset);
    if (ip.defect() != null || ip.isFragment() || ip.protocol() != Ipv4Packet.PROTOCOL_UDP) {
      return -1;
    }
    int size = VnetHeader.datagramSize(header);
    int datagram = ip.payloadOffset();
    int end = datagram + UdpDatagram.HEADER_LENGTH + size;
    if (size == 0 || end > Math.min(length, frame.capacity())) {
      return -1;
    }
    ip.composeFragment(0, false, end - datagram);
    frame.setShort(datagram + UDP_LENGTH, end - datagram);
    return end;
  }
}
