/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.system.SystemCallException;

/**
 * Takes apart what netlink sends: messages, each with a header, and their attributes. netlink(7),
 * linux/netlink.h. All in this machine's byte order.
 */
public final class NetlinkMessages {
  /** Bytes before a message's contents. */
  public static final int HEADER_LENGTH = 16;

  /** Types of messages that end an answer: an error or an acknowledgment, the end of a listing. */
  static final int NLMSG_ERROR = 2, NLMSG_DONE = 3;

  private static final int LENGTH = 0, TYPE = 4, FLAGS = 6, SEQUENCE = 8;
  private static final int ERROR = HEADER_LENGTH, ERROR_REQUEST = ERROR + Integer.BYTES;
  private static final int NLM_F_CAPPED = 0x100, NLM_F_ACK_TLVS = 0x200, NLMSGERR_ATTR_MSG = 1;
  private static final int ATTRIBUTE_HEADER = 4, ATTRIBUTE_TYPE_MASK = 0x3FFF;

  private NetlinkMessages() {}

  /** Each message with its header, up to the first that is not whole. */
  public static List<ByteBuffer> split(ByteBuffer messages) {
    var split = new ArrayList<ByteBuffer>();
    for (int at = messages.position(); at + HEADER_LENGTH <= messages.limit(); ) {
      int length = messages.getInt(at);
      if (length < HEADER_LENGTH || length > messages.limit() - at) {
        return split;
      }
      split.add(messages.slice(at, length).order(messages.order()));
      at += aligned(length);
    }
    return split;
  }

  /** The type of a message. */
  public static int type(ByteBuffer message) {
    return Short.toUnsignedInt(message.getShort(TYPE));
  }

  static int flags(ByteBuffer message) {
    return Short.toUnsignedInt(message.getShort(FLAGS));
  }

  /** The number of the request that a message answers. */
  static int sequence(ByteBuffer message) {
    return message.getInt(SEQUENCE);
  }

  /** The error number, positive; 0 for an acknowledgment. */
  static int errno(ByteBuffer message) {
    return -message.getInt(ERROR);
  }

  /**
   * Does nothing for an acknowledgment, which is an error with the number 0.
   *
   * @param message of the type {@code NLMSG_ERROR}
   * @param what for the error, as {@code cannot list interfaces}
   */
  static void throwIfError(ByteBuffer message, String what) throws SystemCallException {
    int errno = errno(message);
    if (errno == 0) {
      return;
    }
    String reason = "";
    if ((flags(message) & NLM_F_ACK_TLVS) != 0) {
      int request =
          (flags(message) & NLM_F_CAPPED) != 0
              ? HEADER_LENGTH
              : aligned(message.getInt(ERROR_REQUEST + LENGTH));
      reason = text(attribute(message, ERROR_REQUEST + request, NLMSGERR_ATTR_MSG));
    }
    throw new SystemCallException(what, errno, reason);
  }

  /**
   * The value of an attribute; null if there is none of that type, or one before it is not whole.
   *
   * @param offset of the first attribute
   */
  public static @Nullable ByteBuffer attribute(ByteBuffer buffer, int offset, int type) {
    for (int at = offset; at + ATTRIBUTE_HEADER <= buffer.limit(); ) {
      int length = Short.toUnsignedInt(buffer.getShort(at));
      if (length < ATTRIBUTE_HEADER || length > buffer.limit() - at) {
        return null;
      }
      if ((buffer.getShort(at + 2) & ATTRIBUTE_TYPE_MASK) == type) {
        return buffer.slice(at + ATTRIBUTE_HEADER, length - ATTRIBUTE_HEADER).order(buffer.order());
      }
      at += aligned(length);
    }
    return null;
  }

  /** An attribute's value as text, which ends with its first zero; empty for none. */
  public static String text(@Nullable ByteBuffer value) {
    return value == null
        ? ""
        : StandardCharsets.UTF_8.decode(value.duplicate()).toString().replaceFirst("\0.*", "");
  }

  /** A length, up to where the next message or attribute begins. */
  public static int aligned(int length) {
    return length + 3 & ~3;
  }
}
