/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Tor's DataDirectory, with a lock so that only one of us uses it, and a note of the tor that does.
 * The lock is the kernel's: it ends with its process, however that ends; the tor may live some
 * seconds longer, and the next holder of the lock ends it.
 */
final class StateDirectory implements AutoCloseable {
  private static final String TOR_NOTE = "torvtl.tor";
  private static final Duration ORPHAN_DEADLINE = Duration.ofSeconds(3);

  private final Path path;
  private final FileChannel lockFile;

  private StateDirectory(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /**
   * Makes the directory where it is missing, locks it, and ends a tor that a killed owner left in
   * it.
   *
   * @throws IOException if another process has it, another user could have prepared it (see {@link
   *     PrivateDirectory}), or it cannot be made
   */
  static StateDirectory open(Path path) throws IOException, InterruptedException {
    PrivateDirectory.make(path);
    var channel =
        FileChannel.open(
            path.resolve("torvtl.lock"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    try {
      if (tryLock(channel) == null) {
        throw new IOException(
            "cannot use "
                + path
                + ": tor state in use by process "
                + content(channel)
                + " (stop it first, or use another device name)");
      }
      channel.truncate(0);
      channel.write(
          ByteBuffer.wrap(
              Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)),
          0);
      var directory = new StateDirectory(path, channel);
      directory.endOrphan();
      return directory;
    } catch (IOException | InterruptedException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Root makes the directory for a user, or gives it to that user if it was another's. A tor that a
   * killed owner left in it is that other's, out of the new user's reach: it is ended before. The
   * note of it is not to be trusted, so nothing is ended that is not the other's.
   *
   * @throws IOException if it cannot be made or given
   */
  static void prepare(Path path, FileOwner user) throws IOException, InterruptedException {
    var base = Objects.requireNonNull(path.toAbsolutePath().getParent(), "the root directory");
    PrivateDirectory.make(base);
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      PrivateDirectory.make(path);
    }
    user.admitTo(base);
    int before = FileOwner.of(path);
    if (before != user.uid()) {
      // From here on nobody moves things about in there while root looks.
      FileOwner.ROOT.give(path);
      var note = path.resolve(TOR_NOTE);
      if (Files.isRegularFile(note, LinkOption.NOFOLLOW_LINKS)) {
        var orphan = identity(note);
        if (orphan.isPresent() && orphan.get().isAliveAs(before)) {
          orphan.get().end(ORPHAN_DEADLINE);
        }
      }
      user.give(path);
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static String content(FileChannel channel) throws IOException {
    var bytes = ByteBuffer.allocate(32);
    channel.read(bytes, 0);
    return new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
  }

  Path path() {
    return path;
  }

  private Path torNote() {
    return path.resolve(TOR_NOTE);
  }

  /** Notes the tor that now runs here. */
  void noteTor(long pid) throws IOException {
    var identity = ProcessIdentity.of(pid);
    if (identity.isPresent()) {
      Torrc.writePrivate(torNote(), identity.get().toString());
    }
  }

  private void endOrphan() throws IOException, InterruptedException {
    if (Files.exists(torNote())) {
      var orphan = identity(torNote());
      if (orphan.isPresent()) {
        orphan.get().end(ORPHAN_DEADLINE);
      }
      Files.deleteIfExists(torNote());
    }
  }

  private static Optional<ProcessIdentity> identity(Path note) throws IOException {
    try {
      return Optional.of(ProcessIdentity.parse(Files.readString(note)));
    } catch (IllegalArgumentException e) {
      // Cut short when the machine went down: then that tor is gone as well.
      return Optional.empty();
    }
  }

  /** Lets the next one in. What tor keeps here stays. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(torNote());
    lockFile.close();
  }
}
