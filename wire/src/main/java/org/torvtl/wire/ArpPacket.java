/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** View of an ARP packet for IPv4 over Ethernet, 28 bytes. RFC 826. */
public final class ArpPacket {
  public static final int LENGTH = 28;
  public static final int REQUEST = 1, REPLY = 2;
  private static final int HARDWARE = 0, PROTOCOL = 2, HARDWARE_LENGTH = 4, OPERATION = 6;
  private static final int SENDER_MAC = 8, SENDER_IP = 14, TARGET_MAC = 18, TARGET_IP = 24;
  private static final int HARDWARE_ETHERNET = 1;
  private static final int LENGTHS = MacAddress.LENGTH << 8 | Ipv4Address.LENGTH;

  private ByteBuf buf = Flyweights.NOWHERE;
  private int offset;
  private int length;

  /** Lays the view over {@code length} bytes at index {@code offset}. */
  public ArpPacket wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /** What is wrong with the packet, or {@code null}; trailing padding is right. */
  public @Nullable Defect defect() {
    if (length < LENGTH) {
      return Defect.TRUNCATED;
    }
    if (buf.getUnsignedShort(offset + HARDWARE) != HARDWARE_ETHERNET
        || buf.getUnsignedShort(offset + PROTOCOL) != EthernetFrame.TYPE_IPV4) {
      return Defect.BAD_VERSION;
    }
    if (buf.getUnsignedShort(offset + HARDWARE_LENGTH) != LENGTHS) {
      return Defect.BAD_LENGTH;
    }
    if (operation() != REQUEST && operation() != REPLY) {
      return Defect.BAD_FLAGS;
    }
    return MacAddress.isGroup(senderMac()) || Ipv4Address.isMulticast(senderIp())
        ? Defect.BAD_ADDRESS
        : null;
  }

  /** {@link #REQUEST} or {@link #REPLY}. */
  public int operation() {
    return buf.getUnsignedShort(offset + OPERATION);
  }

  public long senderMac() {
    return MacAddress.get(buf, offset + SENDER_MAC);
  }

  public int senderIp() {
    return buf.getInt(offset + SENDER_IP);
  }

  public int targetIp() {
    return buf.getInt(offset + TARGET_IP);
  }

  /**
   * Whether the sender only asks if the address is free: it has none of its own yet. RFC 5227,
   * section 1.1.
   */
  public boolean isProbe() {
    return senderIp() == Ipv4Address.UNSPECIFIED;
  }

  /** Whether the sender tells that it uses the address. RFC 5227, section 1.1. */
  public boolean isAnnouncement() {
    return senderIp() == targetIp() && !isProbe();
  }

  /** Writes the whole packet. */
  public ArpPacket compose(
      int operation, long senderMac, int senderIp, long targetMac, int targetIp) {
    buf.setShort(offset + HARDWARE, HARDWARE_ETHERNET);
    buf.setShort(offset + PROTOCOL, EthernetFrame.TYPE_IPV4);
    buf.setShort(offset + HARDWARE_LENGTH, LENGTHS);
    buf.setShort(offset + OPERATION, operation);
    MacAddress.set(buf, offset + SENDER_MAC, senderMac);
    buf.setInt(offset + SENDER_IP, senderIp);
    MacAddress.set(buf, offset + TARGET_MAC, targetMac);
    buf.setInt(offset + TARGET_IP, targetIp);
    return this;
  }
}
