/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * View of an Ethernet II frame without preamble and check sequence. RFC 894. One with a priority
 * tag, which is a VLAN tag of no VLAN, reads as if it had none. IEEE 802.1Q, 6.9.1 and 9.6.
 */
public final class EthernetFrame {
  public static final int HEADER_LENGTH = 14;
  public static final int TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IPV6 = 0x86DD;
  private static final int DESTINATION = 0, SOURCE = 6, TYPE = 12;
  private static final int TYPE_VLAN = 0x8100, TAG_LENGTH = 4, TAG_CONTROL = 14, VLAN_ID = 0xFFF;

  private ByteBuf buf = Flyweights.NOWHERE;
  private int offset;
  private int length;

  /** Lays the view over {@code length} bytes at index {@code offset}. */
  public EthernetFrame wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /** What is wrong with the frame, or {@code null}. A group address as source is a defect. */
  public @Nullable Defect defect() {
    if (length < HEADER_LENGTH) {
      return Defect.TRUNCATED;
    }
    return MacAddress.isGroup(source()) || source() == 0 ? Defect.BAD_ADDRESS : null;
  }

  public long destination() {
    return MacAddress.get(buf, offset + DESTINATION);
  }

  public long source() {
    return MacAddress.get(buf, offset + SOURCE);
  }

  /** The EtherType, or a length below 1536 for IEEE 802.3 frames. */
  public int type() {
    return buf.getUnsignedShort(offset + TYPE + tagLength());
  }

  /** Index of the payload in the buffer. */
  public int payloadOffset() {
    return offset + HEADER_LENGTH + tagLength();
  }

  /** Bytes of payload, padding included. */
  public int payloadLength() {
    return length - HEADER_LENGTH - tagLength();
  }

  private int tagLength() {
    return length >= HEADER_LENGTH + TAG_LENGTH
            && buf.getUnsignedShort(offset + TYPE) == TYPE_VLAN
            && (buf.getUnsignedShort(offset + TAG_CONTROL) & VLAN_ID) == 0
        ? TAG_LENGTH
        : 0;
  }

  /** Writes the whole header. */
  public EthernetFrame compose(long destination, long source, int type) {
    MacAddress.set(buf, offset + DESTINATION, destination);
    MacAddress.set(buf, offset + SOURCE, source);
    buf.setShort(offset + TYPE, type);
    return this;
  }
}
