/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The user that root prepares directories for, and then becomes.
 *
 * @param uid user id
 * @param gid group id
 */
public record FileOwner(int uid, int gid) {
  /** Root. */
  static final FileOwner ROOT = new FileOwner(0, 0);

  boolean isRoot() {
    return uid == 0;
  }

  /**
   * Gives a directory and all in it to this user, with mode 0700; nothing if it is this user's
   * already. Only for root, and only in a folder that nobody else can write to.
   *
   * <p>Whoever had it may still be at work in there and mean ill: links to files of others, or a
   * folder that becomes a link while we look. So each folder first becomes root's and closed, from
   * the outside in, which stops that; then each file is looked at. What is not plainly a file of
   * this directory alone (a symbolic link, a file with a second name, a socket) is removed.
   *
   * @throws IOException if it is no directory, or the system does not allow it
   */
  void give(Path directory) throws IOException {
    var attributes =
        Files.readAttributes(directory, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isDirectory()) {
      throw new IOException("cannot use " + directory + ": not a directory");
    }
    if (of(directory) != uid) {
      giveAll(directory);
    }
  }

  private void giveAll(Path directory) throws IOException {
    ROOT.own(directory);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    try (var entries = Files.newDirectoryStream(directory)) {
      for (var entry : entries) {
        var attributes =
            Files.readAttributes(entry, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (attributes.isDirectory()) {
          giveAll(entry);
        } else if (attributes.isRegularFile()
            && Integer.valueOf(1).equals(attribute(entry, "nlink"))) {
          own(entry);
        } else {
          Files.delete(entry);
        }
      }
    }
    own(directory);
  }

  private void own(Path path) throws IOException {
    Files.setAttribute(path, "unix:gid", gid, LinkOption.NOFOLLOW_LINKS);
    Files.setAttribute(path, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
  }

  /** The user id of whoever has a file now. */
  static int of(Path path) throws IOException {
    return (int) attribute(path, "uid");
  }

  private static Object attribute(Path path, String name) throws IOException {
    return Files.getAttribute(path, "unix:" + name, LinkOption.NOFOLLOW_LINKS);
  }

  /** Lets this user pass through a folder of root's to a directory in it, without listing it. */
  void admitTo(Path folder) throws IOException {
    if (!isRoot()) {
      var permissions = Files.getPosixFilePermissions(folder);
      permissions.add(PosixFilePermission.GROUP_EXECUTE);
      permissions.add(PosixFilePermission.OTHERS_EXECUTE);
      Files.setPosixFilePermissions(folder, permissions);
    }
  }
}
