/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Composes a message to the kernel: header, a structure by the message's type, attributes.
 * netlink(7), linux/netlink.h. In this machine's byte order, but for attributes that say otherwise.
 */
public final class NetlinkRequest {
  /** Flags: a change that is acknowledged; one that fails with {@code EEXIST} if it is there. */
  public static final int NLM_F_ACK = 4, NLM_F_EXCL = 0x200, NLM_F_CREATE = 0x400;

  /** Flag: a listing. */
  public static final int NLM_F_DUMP = 0x300;

  /** Of the longest message. */
  static final int LARGEST_BYTES = 256;

  private static final int NLM_F_REQUEST = 1;
  private static final int TYPE = 4, FLAGS = 6, SEQUENCE = 8;
  private static final int ATTRIBUTE_HEADER = 4;

  private final ByteBuffer message =
      ByteBuffer.allocate(LARGEST_BYTES).order(ByteOrder.nativeOrder());

  /**
   * @param type such as {@code RTM_GETLINK}
   * @param flags besides {@code NLM_F_REQUEST}
   * @param structure what the type has between header and attributes; a multiple of 4 bytes
   */
  public NetlinkRequest(int type, int flags, byte[] structure) {
    message
        .putShort(TYPE, (short) type)
        .putShort(FLAGS, (short) (flags | NLM_F_REQUEST))
        .position(NetlinkMessages.HEADER_LENGTH)
        .put(structure);
  }

  /** Adds an attribute. */
  public NetlinkRequest attribute(int type, byte... value) {
    message
        .putShort((short) (ATTRIBUTE_HEADER + value.length))
        .putShort((short) type)
        .put(value)
        .position(NetlinkMessages.aligned(message.position()));
    return this;
  }

  /** Adds a number of 32 bits, in this machine's byte order. */
  public NetlinkRequest number(int type, int value) {
    return attribute(
        type, ByteBuffer.allocate(Integer.BYTES).order(message.order()).putInt(value).array());
  }

  /** Adds an IPv4 address, network byte order. */
  public NetlinkRequest address(int type, int address) {
    return attribute(type, ByteBuffer.allocate(Integer.BYTES).putInt(address).array());
  }

  /**
   * The whole message.
   *
   * @param sequence what the answers to it bear
   */
  byte[] bytes(int sequence) {
    var bytes = new byte[message.position()];
    message.putInt(0, bytes.length).putInt(SEQUENCE, sequence).get(0, bytes);
    return bytes;
  }
}
