/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** As root, which makes files of other users. */
class CaptureFileTest {
  private static final int OTHER = 61_234;

  private final Path folder;
  private final Path file;

  CaptureFileTest(@TempDir Path folder) {
    this.folder = folder;
    this.file = folder.resolve("x.pcapng");
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(US_ASCII));
  }

  private static void assertPrivate(Path path) throws IOException {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
        .isEqualTo("rw-------");
    assertThat(Files.getAttribute(path, "unix:uid")).isEqualTo(0);
  }

  @Test
  void aFileThatIsThereStays() throws Exception {
    Files.writeString(file, "precious");
    assertThatThrownBy(() -> CaptureFile.create(file, false))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(file).hasContent("precious");
  }

  /** The other user has it open already, and goes on reading what is in there: the old one. */
  @Test
  void anothersFileIsReplacedNotWrittenTo() throws Exception {
    Files.writeString(file, "bait");
    Files.setAttribute(file, "unix:uid", OTHER);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
    try (var theirs = Files.newInputStream(file)) {
      try (var capture = CaptureFile.create(file, true)) {
        capture.begin(bytes("header"));
        capture.write(bytes("secret"));
      }
      assertThat(new String(theirs.readAllBytes(), US_ASCII)).isEqualTo("bait");
    }
    assertThat(file).hasContent("headersecret");
    assertPrivate(file);
  }

  @Test
  void aLinkIsNeverFollowed() throws Exception {
    var target = Files.writeString(folder.resolve("target"), "precious");
    Files.createSymbolicLink(file, target);
    assertThatThrownBy(() -> CaptureFile.create(file, false))
        .isInstanceOf(FileAlreadyExistsException.class);
    CaptureFile.create(file, true).close();
    assertThat(target).hasContent("precious");
    assertThat(file).isRegularFile();
    Files.delete(file);
    Files.createSymbolicLink(file, folder.resolve("nowhere"));
    assertThatThrownBy(() -> CaptureFile.create(file, false))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(folder.resolve("nowhere")).doesNotExist();
  }

  @Test
  void whatIsNoFileIsNeverRemoved() throws Exception {
    assertThatThrownBy(() -> CaptureFile.create(Files.createDirectory(folder.resolve("d")), true))
        .hasMessageContaining("not a regular file");
    assertThat(folder.resolve("d")).isDirectory();
    assertThatThrownBy(() -> CaptureFile.create(Path.of("/dev/null"), true))
        .hasMessageContaining("not a regular file");
  }

  @Test
  void theSecondFileIsNotTakenFromAnybodyEither() throws Exception {
    Files.writeString(CaptureFile.second(file), "precious");
    assertThatThrownBy(() -> CaptureFile.createBounded(file, false, CaptureFile.LEAST_BOUND_BYTES))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(CaptureFile.second(file)).hasContent("precious");
    assertThat(file).doesNotExist();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CaptureFile.createBounded(file, false, 1000));
  }

  private static String tcpdump(Path capture) throws Exception {
    var process =
        new ProcessBuilder(List.of("tcpdump", "-n", "-e", "-r", capture.toString()))
            .redirectErrorStream(true)
            .start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    return output;
  }

  /** Each can be read by itself at any time; together they have the last frames, in a row. */
  @Test
  void aBoundedCaptureKeepsTheLastFrames() throws Exception {
    long bound = CaptureFile.LEAST_BOUND_BYTES;
    var cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
    var failures = new ConcurrentLinkedQueue<IOException>();
    var target = new Counted(CaptureFile.createBounded(file, false, bound));
    try (var link = new PcapngLink(cable[0], target, () -> 1_000_000_000L, failures::add)) {
      assertPrivate(file);
      assertPrivate(CaptureFile.second(file));
      var recorded = link.recorded(new Ignored());
      cable[1].start(new Ignored());
      var frame = Unpooled.directBuffer().writeZero(1064);
      for (int i = 0; i < 5000; i++) {
        link.send(frame, Unpooled.EMPTY_BUFFER);
        if (i % 100 == 99) {
          recorded.endOfBatch();
          cable[1].deliver();
          assertThat(target.writes.tryAcquire(20, TimeUnit.SECONDS)).isTrue();
        }
      }
      frame.release();
      assertThat(link.counters().captureDrops).isZero();
    }
    assertThat(failures).isEmpty();
    long both = Files.size(file) + Files.size(CaptureFile.second(file));
    assertThat(both).isBetween(bound / 2, bound);
    // All that is in the files but their headers are frames of 1064 bytes with 44 around each.
    assertThat(packets(file) + packets(CaptureFile.second(file))).isEqualTo(both / 1108);
  }

  private static long packets(Path capture) throws Exception {
    return tcpdump(capture).lines().filter(line -> line.matches("\\d\\d:\\d\\d:.*")).count();
  }

  /** Tells when something was written. */
  private record Counted(CaptureTarget target, Semaphore writes) implements CaptureTarget {
    Counted(CaptureTarget target) {
      this(target, new Semaphore(0));
    }

    @Override
    public void begin(ByteBuffer header) throws IOException {
      target.begin(header);
    }

    @Override
    public void write(ByteBuffer blocks) throws IOException {
      target.write(blocks);
      writes.release();
    }

    @Override
    public void close() throws IOException {
      target.close();
    }
  }

  private static final class Ignored implements Link.Receiver {
    @Override
    public void frame(ByteBuf frame) {}

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {}

    @Override
    public void allocationFailed() {
      // It holds nothing that it could free.
    }

    @Override
    public void failed(IOException cause) {
      throw new IllegalStateException(cause);
    }
  }
}
