/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A relay as control messages name it: {@code $fingerprint~nickname}. Control-spec, LongName.
 *
 * @param fingerprint of the identity key, 40 upper-case hex digits
 * @param nickname as the relay calls itself, which proves nothing; null if not told
 */
public record RelayName(String fingerprint, @Nullable String nickname) {
  private static final int FINGERPRINT_DIGITS = 40;

  static Optional<RelayName> parse(String text) {
    int end = text.startsWith("$") ? 1 + FINGERPRINT_DIGITS : -1;
    if (end < 0 || text.length() < end || !isHex(text.substring(1, end))) {
      return Optional.empty();
    }
    var fingerprint = text.substring(1, end).toUpperCase(Locale.ROOT);
    if (text.length() == end) {
      return Optional.of(new RelayName(fingerprint, null));
    }
    // '=' stood before nicknames of relays with the Named flag, which Tor no longer has.
    char mark = text.charAt(end);
    return mark == '~' || mark == '='
        ? Optional.of(new RelayName(fingerprint, text.substring(end + 1)))
        : Optional.empty();
  }

  private static boolean isHex(String text) {
    return text.chars().allMatch(c -> Character.digit(c, 16) >= 0 && c < 0x80);
  }
}
