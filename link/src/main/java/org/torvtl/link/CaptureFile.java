/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A capture in a file that is new, and that only its owner can read: what guests do is nobody
 * else's business, so nothing is ever written into a file that another user may have made or
 * opened.
 *
 * <p>With a bound there are two files, each with a capture that can be read by itself. When one has
 * grown to half of the bound, the other is begun anew. Both are made at the start, for the process
 * may not be allowed to make or rename files later.
 */
public final class CaptureFile implements CaptureTarget {
  /** The least bound: half of it has room for the largest piece. */
  public static final long LEAST_BOUND_BYTES = 1 << 20;

  private final List<FileChannel> files;
  private final long mostBytes;
  private byte[] header = {};
  private int current;
  private long written;

  private CaptureFile(List<FileChannel> files, long mostBytes) {
    this.files = files;
    this.mostBytes = mostBytes;
  }

  /**
   * Makes a file of mode 0600.
   *
   * @param replace whether a file or symbolic link that is there is removed first
   * @throws java.nio.file.FileAlreadyExistsException if there is one, and it is not to be replaced
   * @throws IOException if the file cannot be made, or what is there is no regular file
   */
  public static CaptureFile create(Path file, boolean replace) throws IOException {
    return new CaptureFile(List.of(create(file, replace, new ArrayList<>())), Long.MAX_VALUE);
  }

  /**
   * Makes two files, of which the second has {@code .1} behind its name.
   *
   * @param boundBytes the most that both take together, at least {@link #LEAST_BOUND_BYTES}
   * @throws IOException as {@link #create}
   */
  public static CaptureFile createBounded(Path file, boolean replace, long boundBytes)
      throws IOException {
    if (boundBytes < LEAST_BOUND_BYTES) {
      throw new IllegalArgumentException("less than " + LEAST_BOUND_BYTES + " bytes");
    }
    var made = new ArrayList<Path>();
    var first = create(file, replace, made);
    try {
      var second = create(second(file), replace, made);
      return new CaptureFile(List.of(first, second), boundBytes / 2);
    } catch (IOException e) {
      first.close();
      for (var path : made) {
        Files.deleteIfExists(path);
      }
      throw e;
    }
  }

  /** The other file of a bounded capture. */
  public static Path second(Path file) {
    return file.resolveSibling(file.getFileName() + ".1");
  }

  private static FileChannel create(Path file, boolean replace, List<Path> made)
      throws IOException {
    if (replace) {
      remove(file);
    }
    var channel =
        FileChannel.open(
            file,
            Set.of(
                StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW, LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    made.add(file);
    return channel;
  }

  private static void remove(Path file) throws IOException {
    try {
      var attributes =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (!attributes.isRegularFile() && !attributes.isSymbolicLink()) {
        throw new FileSystemException(file.toString(), null, "not a regular file");
      }
      Files.delete(file);
    } catch (NoSuchFileException e) {
      // Nothing to replace.
    }
  }

  @Override
  public void begin(ByteBuffer start) throws IOException {
    header = new byte[start.remaining()];
    start.get(header);
    begin();
  }

  private void begin() throws IOException {
    written = 0;
    put(ByteBuffer.wrap(header));
  }

  @Override
  public void write(ByteBuffer blocks) throws IOException {
    if (written + blocks.remaining() > mostBytes) {
      current = 1 - current;
      files.get(current).truncate(0);
      begin();
    }
    put(blocks);
  }

  private void put(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      written += files.get(current).write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      files.getFirst().close();
    } finally {
      files.getLast().close();
    }
  }
}
