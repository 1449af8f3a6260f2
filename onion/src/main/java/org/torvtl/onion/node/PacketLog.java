/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Objects;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log of one process of the onion network: one line for each packet, as long as they are not
 * too many a second, with the time and who tells it. Only its owner can read it, for it tells who
 * spoke with whom. It is begun anew with each start, and when it has grown too large; what it said
 * before that is then in a file beside it, whose name ends in {@code .1}. Used from one thread at a
 * time.
 */
public final class PacketLog implements AutoCloseable {
  static final long MAX_BYTES = 32L << 20;

  private static final int MICROS_PER_SECOND = 1_000_000;
  private static final int WRITE_BY_OTHERS = 0022, EFFECTIVE = 2;
  private static final int BUFFERED_CHARACTERS = 16 << 10;
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());
  private static final Logger log = LoggerFactory.getLogger(PacketLog.class);

  private final Path path;
  private final String who;
  private final FileChannel file;

  /** Open from the start, for whoever writes may not be allowed to make files later. */
  private final FileChannel older;

  private final StringBuilder lines = new StringBuilder();
  private long written;
  private long second = Long.MIN_VALUE;
  private String secondText = "";
  private boolean broken;

  private PacketLog(Path path, String who, FileChannel file, FileChannel older) {
    this.path = path;
    this.who = who;
    this.file = file;
    this.older = older;
  }

  /**
   * Begins a log; its directory is made, so that only its owner can enter it, if it is not there.
   * What is in the place of the files is removed, never written through.
   *
   * @param who stands in each line
   * @throws IOException if the file cannot be written, or the directory is another user's, a
   *     symbolic link, or one that others can write to
   */
  public static PacketLog open(Path path, String who) throws IOException {
    var directory = path.toAbsolutePath().getParent();
    try {
      if (directory != null) {
        prepare(directory);
      }
      return begin(path, who);
    } catch (FileSystemException e) {
      throw new IOException(
          "cannot write %s: %s (choose another directory)".formatted(path, reason(e)), e);
    }
  }

  private static String reason(FileSystemException failure) {
    return switch (failure) {
      case NoSuchFileException _ -> "no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      default ->
          failure.getReason() == null ? failure.getClass().getSimpleName() : failure.getReason();
    };
  }

  /** One whose owner is another user, or a link of another's, would let that user swap files. */
  private static void prepare(Path directory) throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    var attributes =
        Files.readAttributes(directory, "unix:isDirectory,mode,uid", LinkOption.NOFOLLOW_LINKS);
    if (!Boolean.TRUE.equals(attributes.get("isDirectory"))) {
      throw new FileSystemException(
          directory.toString(), null, directory + " is a symbolic link, or no directory");
    }
    if (!Objects.equals(attributes.get("uid"), ownUid())) {
      throw new IOException(
          "cannot write logs into %s: it belongs to another user, %s (choose another directory)"
              .formatted(directory, attributes.get("uid")));
    }
    if (attributes.get("mode") instanceof Integer mode && (mode & WRITE_BY_OTHERS) != 0) {
      throw new IOException(
          "cannot write logs into %s: others can write there too (chmod go-w it, or choose another directory)"
              .formatted(directory));
    }
  }

  private static int ownUid() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("Uid:"))
        .map(line -> Integer.parseUnsignedInt(line.split("\\s+", -1)[EFFECTIVE]))
        .findFirst()
        .orElseThrow(() -> new IOException("cannot find out this process's user: no /proc"));
  }

  private static PacketLog begin(Path path, String who) throws IOException {
    var file = begin(path);
    try {
      return new PacketLog(path, who, file, begin(path.resolveSibling(path.getFileName() + ".1")));
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  private static FileChannel begin(Path path) throws IOException {
    Files.deleteIfExists(path);
    return FileChannel.open(
        path,
        Set.of(
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
  }

  /** Adds a line; it is in the file after {@link #flush}. */
  void write(String line) {
    var now = Instant.now();
    if (now.getEpochSecond() != second) {
      second = now.getEpochSecond();
      secondText = TIME.format(now);
    }
    lines.append(secondText).append('.');
    // Six digits, by way of a leading one.
    lines.append(MICROS_PER_SECOND + now.getNano() / 1000).deleteCharAt(lines.length() - 7);
    lines.append(' ').append(who).append(": ").append(line).append('\n');
    if (lines.length() >= BUFFERED_CHARACTERS) {
      flush();
    }
  }

  void flush() {
    if (lines.isEmpty()) {
      return;
    }
    var bytes = ByteBuffer.wrap(lines.toString().getBytes(StandardCharsets.UTF_8));
    lines.setLength(0);
    try {
      if (written + bytes.remaining() > MAX_BYTES) {
        setAside();
      }
      while (bytes.hasRemaining()) {
        written += file.write(bytes);
      }
      broken = false;
    } catch (IOException e) {
      if (!broken) {
        // Packets go on; once is enough to say it.
        log.warn("cannot write to {}: {}", path, e.getMessage());
        broken = true;
      }
    }
  }

  private void setAside() throws IOException {
    older.truncate(0);
    for (long copied = 0; copied < written; ) {
      copied += file.transferTo(copied, written - copied, older);
    }
    file.truncate(0);
    written = 0;
  }

  @Override
  public void close() throws IOException {
    flush();
    file.close();
    older.close();
  }
}
