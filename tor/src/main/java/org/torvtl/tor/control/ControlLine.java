/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A line of words, then of {@code KEY=value} and {@code KEY="quoted value"}. Control-spec, sections
 * 2 and 4.1. One character is one byte.
 *
 * @param words those before the first key
 * @param fields by key; of a key that is there twice, the first
 */
record ControlLine(List<String> words, Map<String, String> fields) {
  /**
   * Takes a line apart; anything can be parsed.
   *
   * @param minWords so many words are no keys, whatever they look like
   */
  static ControlLine parse(String line, int minWords) {
    return new Parser(line).parse(minWords);
  }

  /** The value of a field if it is there and a decimal number. */
  Optional<Integer> number(String key) {
    var value = fields.get(key);
    if (value == null || !value.matches("[0-9]{1,9}")) {
      return Optional.empty();
    }
    return Optional.of(Integer.valueOf(value));
  }

  /**
   * The text of a quoted string. Tor writes C escapes where the specification means plain
   * backslashes; this reads both, by the rules of section 2.1.1.
   *
   * @param escaped what stands between the quotes
   */
  static String unescape(String escaped) {
    var text = new StringBuilder(escaped.length());
    for (int i = 0; i < escaped.length(); ) {
      char c = escaped.charAt(i++);
      if (c != '\\' || i == escaped.length()) {
        text.append(c);
        continue;
      }
      char kind = escaped.charAt(i++);
      switch (kind) {
        case 'n' -> text.append('\n');
        case 't' -> text.append('\t');
        case 'r' -> text.append('\r');
        case '0', '1', '2', '3', '4', '5', '6', '7' -> {
          int value = kind - '0';
          for (int digits = 1; digits < 3 && i < escaped.length(); digits++, i++) {
            int digit = Character.digit(escaped.charAt(i), 8);
            if (digit < 0 || value * 8 + digit > 0xFF) {
              break;
            }
            value = value * 8 + digit;
          }
          text.append((char) value);
        }
        default -> text.append(kind);
      }
    }
    return text.toString();
  }

  private static final class Parser {
    private final String line;
    private int at;

    Parser(String line) {
      this.line = line;
    }

    ControlLine parse(int minWords) {
      var words = new ArrayList<String>();
      var fields = new HashMap<String, String>();
      while (skipSpaces()) {
        int equals = words.size() < minWords ? -1 : endOfKey();
        if (equals >= 0) {
          var key = line.substring(at, equals);
          at = equals + 1;
          fields.putIfAbsent(key, value());
        } else {
          var word = value();
          if (fields.isEmpty()) {
            words.add(word);
          }
        }
      }
      return new ControlLine(List.copyOf(words), Map.copyOf(fields));
    }

    private boolean skipSpaces() {
      while (at < line.length() && line.charAt(at) == ' ') {
        at++;
      }
      return at < line.length();
    }

    /** Where the '=' of a key that starts here is, or -1. */
    private int endOfKey() {
      int i = at;
      while (i < line.length() && isKeyCharacter(line.charAt(i))) {
        i++;
      }
      return i > at && i < line.length() && line.charAt(i) == '=' ? i : -1;
    }

    private static boolean isKeyCharacter(char c) {
      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }

    private String value() {
      return at < line.length() && line.charAt(at) == '"' ? quoted() : bare();
    }

    private String quoted() {
      int start = ++at;
      while (at < line.length() && line.charAt(at) != '"') {
        at += line.charAt(at) == '\\' ? 2 : 1;
      }
      int end = Math.min(at, line.length());
      at = end + 1;
      return unescape(line.substring(start, end));
    }

    private String bare() {
      int end = line.indexOf(' ', at);
      var word = line.substring(at, end < 0 ? line.length() : end);
      at += word.length();
      return word;
    }
  }
}
