/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Makes directories that no other user can have prepared, enter or replace. tor runs the programs
 * that its torrc names, so what we read and write must be ours all the way down from the root.
 *
 * <p>Each step is looked at after it was made, without following links, in a folder where only root
 * and this user can replace it: so what was checked is what is used later.
 */
public final class PrivateDirectory {
  private static final int OWNER_ONLY = 0700, OWNER_AND_PASSING = 0711, PERMISSIONS = 0777;
  private static final int GROUP_WRITE = 0020, OTHERS_WRITE = 0002, STICKY = 01000;
  private static final int ROOT = 0, REAL = 1, EFFECTIVE = 2, MOST_LINKS = 40;
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String UID = "Uid:";

  private final int uid;
  private final boolean makes;
  private int linksLeft = MOST_LINKS;

  private PrivateDirectory(int uid, boolean makes) {
    this.uid = uid;
    this.makes = makes;
  }

  /**
   * Makes a directory of mode 0700 where it is missing, and its parents likewise.
   *
   * @throws IOException if it is there and is not this user's own directory with that mode (0711 is
   *     right as well for root, who lets others pass), if others could replace it or one of its
   *     parents, or if it cannot be made
   */
  public static void make(Path directory) throws IOException {
    var absolute = directory.toAbsolutePath();
    var walk = new PrivateDirectory(effectiveUid(), true);
    walk.enter(Path.of("/"), absolute);
    walk.requirePrivate(absolute);
  }

  /**
   * Checks what {@link #make} would find, and makes nothing.
   *
   * @throws IOException as {@link #make}; a directory that is missing is right
   */
  public static void check(Path directory) throws IOException {
    var absolute = directory.toAbsolutePath();
    var walk = new PrivateDirectory(effectiveUid(), false);
    if (walk.enter(Path.of("/"), absolute) != null) {
      walk.requirePrivate(absolute);
    }
  }

  /** The effective user id of this process, 32 bits without sign. */
  static int effectiveUid() throws IOException {
    return uid(EFFECTIVE);
  }

  /** The real user id of this process, 32 bits without sign. */
  static int realUid() throws IOException {
    return uid(REAL);
  }

  private static int uid(int kind) throws IOException {
    for (var line : Files.readAllLines(STATUS)) {
      if (line.startsWith(UID)) {
        return Integer.parseUnsignedInt(line.split("\\s+", -1)[kind]);
      }
    }
    throw new IOException("cannot find out this process's user: no Uid in " + STATUS);
  }

  /** Follows a path as the kernel does; null if it ends before, and nothing is to be made. */
  private @Nullable Path enter(Path from, Path path) throws IOException {
    Path at = path.isAbsolute() ? Path.of("/") : from;
    requireSafe(at, attributes(at));
    for (var name : path) {
      at = step(at, name);
      if (at == null) {
        return null;
      }
    }
    return at;
  }

  private @Nullable Path step(Path folder, Path name) throws IOException {
    if (name.toString().equals("..")) {
      return Objects.requireNonNullElse(folder.getParent(), folder);
    }
    var next = folder.resolve(name).normalize();
    Map<String, Object> attributes;
    try {
      attributes = attributes(next);
    } catch (NoSuchFileException e) {
      if (!makes) {
        return null;
      }
      create(next);
      attributes = attributes(next);
      requirePrivate(next, attributes);
    }
    if (Boolean.TRUE.equals(attributes.get("isSymbolicLink"))) {
      requireTrusted(next, attributes);
      if (linksLeft-- == 0) {
        throw refused(next, "too many symbolic links lead there");
      }
      return enter(folder, Files.readSymbolicLink(next));
    }
    requireSafe(next, attributes);
    return next;
  }

  private static void create(Path directory) throws IOException {
    try {
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (FileAlreadyExistsException e) {
      // Another process was faster; whose it is, is looked at next.
    }
  }

  private static Map<String, Object> attributes(Path path) throws IOException {
    return Files.readAttributes(
        path, "unix:uid,gid,mode,isDirectory,isSymbolicLink", LinkOption.NOFOLLOW_LINKS);
  }

  /** Nobody but root and this user can change what is in a folder. */
  private void requireSafe(Path folder, Map<String, Object> attributes) throws IOException {
    requireDirectory(folder, attributes);
    requireTrusted(folder, attributes);
    int mode = mode(attributes);
    boolean sticky = (mode & STICKY) != 0;
    if (!sticky
        && ((mode & OTHERS_WRITE) != 0
            || (mode & GROUP_WRITE) != 0 && !isOwnersGroup(folder, attributes))) {
      throw refused(folder, "others can write there (mode %04o)".formatted(mode));
    }
  }

  /** Many systems give each user a group of the same name, with nobody else in it. */
  private static boolean isOwnersGroup(Path folder, Map<String, Object> attributes)
      throws IOException {
    return number(attributes, "gid") == ROOT
        || Files.getAttribute(folder, "posix:group", LinkOption.NOFOLLOW_LINKS)
            .toString()
            .equals(Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).getName());
  }

  private void requireTrusted(Path path, Map<String, Object> attributes) throws IOException {
    int owner = number(attributes, "uid");
    // In a user namespace root is not 0; it is who has the root directory.
    if (owner != ROOT && owner != uid && owner != FileOwner.of(Path.of("/"))) {
      throw refused(path, "it belongs to user " + Integer.toUnsignedString(owner));
    }
  }

  private void requirePrivate(Path directory) throws IOException {
    requirePrivate(directory, attributes(directory));
  }

  private void requirePrivate(Path directory, Map<String, Object> attributes) throws IOException {
    requireDirectory(directory, attributes);
    int owner = number(attributes, "uid");
    if (owner != uid) {
      throw refused(
          directory,
          "it belongs to user %s, not to user %s as which torvtl runs"
              .formatted(Integer.toUnsignedString(owner), Integer.toUnsignedString(uid)));
    }
    int allowed = uid == ROOT ? OWNER_AND_PASSING : OWNER_ONLY;
    int mode = mode(attributes);
    if ((mode & PERMISSIONS & ~allowed) != 0) {
      throw refused(
          directory, "its mode is %04o, not 0700 (chmod 700 it)".formatted(mode & PERMISSIONS));
    }
  }

  private void requireDirectory(Path path, Map<String, Object> attributes) throws IOException {
    if (!Boolean.TRUE.equals(attributes.get("isDirectory"))) {
      throw refused(
          path,
          Boolean.TRUE.equals(attributes.get("isSymbolicLink"))
              ? "it is a symbolic link"
              : "it is not a directory");
    }
  }

  private static int mode(Map<String, Object> attributes) {
    return number(attributes, "mode");
  }

  private static int number(Map<String, Object> attributes, String name) {
    return (int) Objects.requireNonNull(attributes.get(name));
  }

  private IOException refused(Path path, String reason) {
    var remedies =
        uid == ROOT
            ? List.of("remove it")
            : List.of(
                "remove it", "set XDG_RUNTIME_DIR and XDG_STATE_HOME to your own directories");
    return new IOException(
        "cannot use %s: %s%s"
            .formatted(
                path,
                reason,
                reason.endsWith(")") ? "" : " (" + String.join(", or ", remedies) + ")"));
  }
}
