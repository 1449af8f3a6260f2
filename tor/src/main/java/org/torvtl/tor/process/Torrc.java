/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The text of a torrc, built line by line. Order is kept: for most options the last line wins, for
 * ports and authorities every line counts.
 */
public final class Torrc {
  private final StringBuilder text = new StringBuilder();

  /**
   * Adds one option.
   *
   * @param key the option's name; letters, digits and underscores
   * @param value its value, in quotes in the file where it needs them
   * @return this
   * @throws IllegalArgumentException if the key is not an option's name
   */
  public Torrc add(String key, String value) {
    if (!key.matches("[A-Za-z_][A-Za-z0-9_]*")) {
      throw new IllegalArgumentException("not a torrc option: " + key);
    }
    text.append(key);
    if (!value.isEmpty()) {
      text.append(' ').append(quoted(value));
    }
    text.append('\n');
    return this;
  }

  /** Adds one option with a number. */
  public Torrc add(String key, long value) {
    return add(key, Long.toString(value));
  }

  /** Adds one option with a path, made absolute: tor's working directory is not ours to rely on. */
  public Torrc add(String key, Path value) {
    return add(key, value.toAbsolutePath().toString());
  }

  /**
   * Adds a port that is a Unix domain socket.
   *
   * @param key {@code SocksPort}, {@code ControlPort} and the like
   * @param flags what follows the path, separated by blanks; empty for nothing
   */
  public Torrc addSocket(String key, Path socket, String flags) {
    var path = socket.toAbsolutePath().toString().replace("\\", "\\\\").replace("\"", "\\\"");
    return add(key, "unix:\"" + path + "\"" + (flags.isEmpty() ? "" : " " + flags));
  }

  /** Adds lines as they are, such as those of a user's own file. */
  public Torrc addVerbatim(String lines) {
    text.append(lines);
    if (!lines.isEmpty() && !lines.endsWith("\n")) {
      text.append('\n');
    }
    return this;
  }

  /** Adds all lines of another torrc. */
  public Torrc addAll(Torrc other) {
    return addVerbatim(other.toString());
  }

  /** The torrc as tor reads it. */
  @Override
  public String toString() {
    return text.toString();
  }

  /**
   * Writes the file with mode 0600, in one step: a tor that reads it meanwhile sees the old or the
   * new, never a part.
   *
   * @param file where to; replaced if it exists
   * @throws IOException if it cannot be written
   */
  public void write(Path file) throws IOException {
    writePrivate(file, toString());
  }

  static void writePrivate(Path file, String content) throws IOException {
    var absolute = file.toAbsolutePath();
    var folder = absolute.getParent();
    if (folder == null) {
      throw new IOException("cannot write " + file + ": not a file");
    }
    var next =
        Files.createTempFile(
            folder,
            ".new-",
            "",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try {
      Files.writeString(next, content);
      Files.move(
          next, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(next);
    }
  }

  /**
   * A value as it stands in a torrc. Quotes only where the plain text would be read as something
   * else.
   */
  static String quoted(String value) {
    boolean plain =
        !value.isEmpty()
            && value.equals(value.strip())
            && !value.startsWith("\"")
            && !value.endsWith("\\")
            && value.indexOf('#') < 0
            && value.chars().noneMatch(Character::isISOControl);
    if (plain) {
      return value;
    }
    var out = new StringBuilder("\"");
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (Character.isISOControl(c)) {
            throw new IllegalArgumentException(
                "a torrc value cannot hold the control character " + (int) c);
          }
          out.append(c);
        }
      }
    }
    return out.append('"').toString();
  }
}
