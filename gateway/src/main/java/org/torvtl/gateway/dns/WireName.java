/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A view of a domain name in wire format without compression: labels with their length in front,
 * the root last. RFC 1035, section 3.1. It is read in one pass; letters match in either case.
 */
final class WireName {
  private static final int MAX_LABEL = 63;

  private final byte[] bytes;
  private final int labels;

  /** Index of the length byte of the last label but the root, and of the one before; or -1. */
  private final int last, lastButOne;

  /**
   * @param bytes begin with a whole name
   */
  WireName(byte[] bytes) {
    this.bytes = bytes;
    int count = 0;
    int previous = -1;
    int current = -1;
    for (int at = 0; bytes[at] != 0; at += 1 + bytes[at]) {
      previous = current;
      current = at;
      count++;
    }
    labels = count;
    last = current;
    lastButOne = previous;
  }

  /** Labels besides the root. */
  int labels() {
    return labels;
  }

  /** Whether the last label is this one, given in lower case. */
  boolean isIn(String domain) {
    return last >= 0 && isLabel(last, domain);
  }

  /** Whether the last two labels are these, given in lower case. */
  boolean isIn(String second, String top) {
    return isIn(top) && lastButOne >= 0 && isLabel(lastButOne, second);
  }

  private boolean isLabel(int at, String label) {
    if (bytes[at] != label.length()) {
      return false;
    }
    for (int i = 0; i < label.length(); i++) {
      if (lower(bytes[at + 1 + i]) != label.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private static int lower(byte letter) {
    return letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter;
  }

  /**
   * Whether this can be the name of a host: letters, digits, hyphens and underscores, the last
   * label not a number (RFC 1123, section 2.1). The number may also be hexadecimal, as old C
   * libraries read it.
   */
  boolean isHostName() {
    for (int at = 0; bytes[at] != 0; at += 1 + bytes[at]) {
      for (int i = at + 1; i <= at + bytes[at]; i++) {
        if (!isHostCharacter(bytes[i])) {
          return false;
        }
      }
    }
    return labels > 0 && !isNumber(last);
  }

  private static boolean isHostCharacter(byte c) {
    int lower = lower(c);
    return (lower >= 'a' && lower <= 'z') || isDigit(c) || c == '-' || c == '_';
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  private boolean isNumber(int label) {
    int from = label + 1;
    int end = from + bytes[label];
    boolean hexadecimal = end - from >= 2 && bytes[from] == '0' && lower(bytes[from + 1]) == 'x';
    for (int i = hexadecimal ? from + 2 : from; i < end; i++) {
      int digit = lower(bytes[i]);
      if (!isDigit(digit) && !(hexadecimal && digit >= 'a' && digit <= 'f')) {
        return false;
      }
    }
    return true;
  }

  /** In lower case, without escapes and without the last dot: for a name of a host. */
  String text() {
    int length = 0;
    while (bytes[length] != 0) {
      length += 1 + bytes[length];
    }
    if (length == 0) {
      return "";
    }
    var text = new byte[length - 1];
    int next = bytes[0] + 1;
    for (int i = 1; i < length; i++) {
      if (i == next) {
        next += 1 + bytes[i];
        text[i - 1] = '.';
      } else {
        text[i - 1] = (byte) lower(bytes[i]);
      }
    }
    return new String(text, StandardCharsets.US_ASCII);
  }

  /**
   * The address that a name under in-addr.arpa or ip6.arpa stands for: 4 or 16 bytes, or {@code
   * null} if it is not exactly one. RFC 1035, section 3.5; RFC 3596, section 2.5.
   */
  byte @Nullable [] address() {
    final int octets = 4, nibbles = 32;
    if (isIn("in-addr", "arpa") && labels == octets + 2) {
      var address = new byte[octets];
      int at = 0;
      for (int i = octets - 1; i >= 0; i--, at += 1 + bytes[at]) {
        int octet = octet(at);
        if (octet < 0) {
          return null;
        }
        address[i] = (byte) octet;
      }
      return address;
    }
    if (isIn("ip6", "arpa") && labels == nibbles + 2) {
      var address = new byte[nibbles / 2];
      int at = 0;
      for (int i = nibbles - 1; i >= 0; i--, at += 2) {
        int digit = bytes[at] == 1 ? Character.digit(bytes[at + 1], 16) : -1;
        if (digit < 0) {
          return null;
        }
        address[i / 2] |= (byte) (i % 2 == 0 ? digit << 4 : digit);
      }
      return address;
    }
    return null;
  }

  /** The label as a number up to 255, in decimal and without leading zeros; or -1. */
  private int octet(int label) {
    int length = bytes[label];
    int value = 0;
    for (int i = label + 1; i <= label + length; i++) {
      if (!isDigit(bytes[i]) || length > 3) {
        return -1;
      }
      value = 10 * value + bytes[i] - '0';
    }
    return value > 0xFF || (length > 1 && bytes[label + 1] == '0') ? -1 : value;
  }

  /**
   * A host name in wire format, or {@code null} if the text is none.
   *
   * @param text with or without a dot at the end
   */
  static byte @Nullable [] ofHost(String text) {
    var labels = text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
    if (labels.length() > DnsQuery.MAX_NAME - 2) {
      return null;
    }
    var bytes = new byte[labels.length() + 2];
    int label = 0;
    for (int i = 0; i <= labels.length(); i++) {
      if (i == labels.length() || labels.charAt(i) == '.') {
        int length = i - label;
        if (length == 0 || length > MAX_LABEL) {
          return null;
        }
        bytes[label] = (byte) length;
        label = i + 1;
      } else if (labels.charAt(i) > 0x7F) {
        return null;
      } else {
        bytes[i + 1] = (byte) labels.charAt(i);
      }
    }
    return new WireName(bytes).isHostName() ? bytes : null;
  }
}
