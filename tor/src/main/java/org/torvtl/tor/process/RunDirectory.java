/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
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

  private RunDirectory(Path path) {
    this.path = path;
  }

  /**
   * Makes {@code base/name}, after removing everything under {@code base} that was left by a dead
   * owner.
   *
   * @param base made if it is missing
   * @param name one path component
   * @throws IOException if a live process owns it, or it cannot be made
   */
  public static RunDirectory create(Path base, String name) throws IOException {
    makePrivate(base);
    removeAbandoned(base);
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
    return new RunDirectory(path);
  }

  /** The directory. */
  public Path path() {
    return path;
  }

  /** Removes the directory and all in it, and the base if nothing else is in there. */
  @Override
  public void close() throws IOException {
    delete(path);
    deleteIfEmpty(path.getParent());
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
   * Makes a directory, and its parents, that only its owner can enter.
   *
   * @throws IOException if it cannot be made
   */
  public static void makePrivate(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(directory, privateMode());
    }
  }

  /**
   * Removes a directory and all in it; nothing if it is not there. Symbolic links are removed, not
   * followed.
   *
   * @throws IOException if something in it cannot be removed
   */
  public static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
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

  private static void removeAbandoned(Path base) throws IOException {
    try (var entries = Files.newDirectoryStream(base, Files::isDirectory)) {
      for (var entry : entries) {
        if (owner(entry).map(o -> !o.isAlive()).orElse(false)) {
          delete(entry);
        }
      }
    }
  }

  private static Optional<ProcessIdentity> owner(Path directory) throws IOException {
    try {
      return Optional.of(ProcessIdentity.parse(Files.readString(directory.resolve(OWNER))));
    } catch (NoSuchFileException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static FileAttribute<Set<PosixFilePermission>> privateMode() {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  }
}
