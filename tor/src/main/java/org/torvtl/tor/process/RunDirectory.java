/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A private directory (mode 0700) for as long as one process runs. It says whose it is, so that one
 * left behind by a process that was killed can be told from one in use.
 */
public final class RunDirectory implements AutoCloseable {
  private static final String OWNER = "owner";

  private final Path path;
  private final @Nullable DirectoryReaper reaper;

  private RunDirectory(Path path, @Nullable DirectoryReaper reaper) {
    this.path = path;
    this.reaper = reaper;
  }

  /**
   * Makes {@code base/name}, after removing everything under {@code base} that was left by a dead
   * owner.
   *
   * @param base made if it is missing
   * @param name one path component
   * @param user whom root makes it for, and is about to become; null to stay who we are
   * @throws IOException if a live process owns it, another user could have prepared {@code base}
   *     (see {@link PrivateDirectory}), or it cannot be made
   */
  public static RunDirectory create(Path base, String name, @Nullable FileOwner user)
      throws IOException {
    PrivateDirectory.make(base);
    removeAbandoned(base, user != null);
    var path = base.resolve(name);
    try {
      Files.createDirectory(path, privateMode());
    } catch (FileAlreadyExistsException e) {
      String who =
          owner(path).map(o -> "process " + o.pid()).orElse("something without an owner file");
      throw new IOException(
          "cannot use " + path + ": in use by " + who + " (stop it first, or remove the directory)",
          e);
    }
    Torrc.writePrivate(path.resolve(OWNER), ProcessIdentity.current().toString());
    if (user == null || user.isRoot()) {
      return new RunDirectory(path, null);
    }
    return handedTo(user, base, path);
  }

  private static RunDirectory handedTo(FileOwner user, Path base, Path path) throws IOException {
    try {
      user.admitTo(base);
      user.give(path);
      return new RunDirectory(path, DirectoryReaper.start(List.of(path, base)));
    } catch (IOException e) {
      FileOwner.ROOT.give(path);
      delete(path);
      throw e;
    }
  }

  /** The directory. */
  public Path path() {
    return path;
  }

  /** Removes the directory and all in it, and the base if nothing else is in there. */
  @Override
  public void close() throws IOException {
    if (reaper == null) {
      delete(path);
      deleteIfEmpty(path.getParent());
      return;
    }
    try (reaper) {
      deleteContent(path);
    }
    if (Files.exists(path)) {
      throw new IOException("cannot remove " + path + " (remove it: rmdir " + path + ")");
    }
  }

  private static void deleteContent(Path directory) throws IOException {
    if (Files.exists(directory)) {
      try (var entries = Files.newDirectoryStream(directory)) {
        for (var entry : entries) {
          delete(entry);
        }
      }
    }
  }

  /**
   * Removes a base directory once nothing is in it.
   *
   * @param base null for none
   * @throws IOException if it is empty and cannot be removed
   */
  public static void deleteIfEmpty(@Nullable Path base) throws IOException {
    try {
      if (base != null) {
        Files.deleteIfExists(base);
      }
    } catch (DirectoryNotEmptyException e) {
      // Others are at work in there.
    }
  }

  /**
   * Removes a directory and all in it; nothing if it is not there. Symbolic links are removed, not
   * followed.
   *
   * @throws IOException if something in it cannot be removed
   */
  public static void delete(Path directory) throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw e;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e)
              throws IOException {
            if (e != null) {
              throw e;
            }
            Files.deleteIfExists(folder);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static void removeAbandoned(Path base, boolean asRoot) throws IOException {
    try (var entries = Files.newDirectoryStream(base, Files::isDirectory)) {
      for (var entry : entries) {
        if (owner(entry).map(o -> !o.isAlive()).orElse(false)) {
          if (asRoot) {
            // Nobody is to move things about in there while root deletes them.
            FileOwner.ROOT.give(entry);
          }
          delete(entry);
        }
      }
    }
  }

  private static Optional<ProcessIdentity> owner(Path directory) throws IOException {
    try {
      if (!Files.isRegularFile(directory.resolve(OWNER), LinkOption.NOFOLLOW_LINKS)) {
        return Optional.empty();
      }
      return Optional.of(ProcessIdentity.parse(Files.readString(directory.resolve(OWNER))));
    } catch (NoSuchFileException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static FileAttribute<Set<PosixFilePermission>> privateMode() {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  }
}
