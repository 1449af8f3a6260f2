/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes frames to a capture file. PCAP Next Generation, draft-ietf-opsawg-pcapng: one section, one
 * interface, enhanced packet blocks with their direction, times in nanoseconds.
 *
 * <p>{@link #record} and {@link #flush} are called on one thread and never wait: they fill a buffer
 * and hand it to a thread that writes. What that thread cannot take in time, or at all, is dropped
 * and counted; the file up to there stays readable.
 */
final class PcapngWriter implements AutoCloseable {
  static final int LINKTYPE_ETHERNET = 1, LINKTYPE_RAW = 101;

  /** Values of the option epb_flags. */
  static final int INBOUND = 1, OUTBOUND = 2;

  private static final int SECTION_HEADER = 0x0A0D0D0A, INTERFACE = 1, ENHANCED_PACKET = 6;
  private static final int BYTE_ORDER_MAGIC = 0x1A2B3C4D, VERSION = 1;
  private static final long UNKNOWN_LENGTH = -1;
  private static final short END_OF_OPTIONS = 0, IF_NAME = 2, IF_TIME_RESOLUTION = 9, EPB_FLAGS = 2;
  private static final byte NANOSECONDS = 9;

  /**
   * Bytes of an enhanced packet block besides the frame: fields, one option, the end of options.
   */
  private static final int PACKET_OVERHEAD = 32 + 8 + 4;

  private static final int BUFFER_BYTES = 256 << 10, BUFFERS = 16;
  private static final long CLOSE_TIMEOUT_MILLIS = 3_000;

  /** Some blocks; {@code frames} of them are packets. */
  private record Batch(ByteBuffer bytes, int frames) {
    static final Batch END = new Batch(ByteBuffer.allocate(0), -1);

    boolean isEnd() {
      return frames < 0;
    }
  }

  private final CaptureTarget target;
  private final Consumer<IOException> onFailure;
  private final BlockingQueue<Batch> full = new ArrayBlockingQueue<>(BUFFERS);
  private final BlockingQueue<ByteBuffer> free = new ArrayBlockingQueue<>(BUFFERS + 1);
  private final AtomicLong lost = new AtomicLong();
  private final Thread thread;
  private ByteBuffer buffer = allocate();
  private int frames;
  private boolean closed;

  /**
   * Begins a capture.
   *
   * @param target is closed with this
   * @param linkType one of the constants here
   * @param onFailure is told once, on a thread of this, that nothing more can be written
   */
  PcapngWriter(CaptureTarget target, String name, int linkType, Consumer<IOException> onFailure) {
    this.target = target;
    this.onFailure = onFailure;
    header(name, linkType);
    var header = buffer.flip();
    buffer = allocate();
    thread = Thread.ofPlatform().daemon().name("capture").start(() -> write(header));
  }

  private static ByteBuffer allocate() {
    return ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.nativeOrder());
  }

  private void header(String name, int linkType) {
    int start = begin(SECTION_HEADER);
    buffer.putInt(BYTE_ORDER_MAGIC).putShort((short) VERSION).putShort((short) 0);
    buffer.putLong(UNKNOWN_LENGTH);
    end(start);
    start = begin(INTERFACE);
    buffer.putShort((short) linkType).putShort((short) 0).putInt(0);
    option(IF_NAME, name.getBytes(StandardCharsets.UTF_8));
    option(IF_TIME_RESOLUTION, new byte[] {NANOSECONDS});
    buffer.putShort(END_OF_OPTIONS).putShort((short) 0);
    end(start);
  }

  /**
   * Records one frame: the readable bytes of both parts, whose indices stay as they are.
   *
   * @param epochNanos nanoseconds since 1970
   * @param direction {@link #INBOUND} or {@link #OUTBOUND}
   */
  void record(long epochNanos, int direction, ByteBuf headers, ByteBuf payload) {
    int length = headers.readableBytes() + payload.readableBytes();
    if (closed || PACKET_OVERHEAD + padded(length) > BUFFER_BYTES) {
      lost.incrementAndGet();
      return;
    }
    if (PACKET_OVERHEAD + padded(length) > buffer.remaining()) {
      flush();
    }
    int start = begin(ENHANCED_PACKET);
    buffer.putInt(0).putInt((int) (epochNanos >>> 32)).putInt((int) epochNanos);
    buffer.putInt(length).putInt(length);
    put(headers);
    put(payload);
    buffer.position(buffer.position() + padded(length) - length);
    buffer.putShort(EPB_FLAGS).putShort((short) Integer.BYTES).putInt(direction);
    buffer.putShort(END_OF_OPTIONS).putShort((short) 0);
    end(start);
    frames++;
  }

  private void put(ByteBuf part) {
    int length = part.readableBytes();
    part.getBytes(part.readerIndex(), buffer.slice(buffer.position(), length));
    buffer.position(buffer.position() + length);
  }

  private int begin(int type) {
    int start = buffer.position();
    buffer.putInt(type).putInt(0);
    return start;
  }

  private void end(int start) {
    int length = buffer.position() + Integer.BYTES - start;
    buffer.putInt(length).putInt(start + Integer.BYTES, length);
  }

  private void option(short code, byte[] value) {
    buffer.putShort(code).putShort((short) value.length).put(value);
    buffer.position(buffer.position() + padded(value.length) - value.length);
  }

  private static int padded(int length) {
    return (length + 3) & ~3;
  }

  /** Whether something was recorded since the last {@link #flush}. */
  boolean isDirty() {
    return buffer.position() > 0;
  }

  /** Hands what was recorded to the thread that writes it, or drops it if that lags too far. */
  void flush() {
    if (!isDirty()) {
      return;
    }
    var batch = new Batch(buffer.flip(), frames);
    if (full.offer(batch)) {
      var next = free.poll();
      buffer = next == null ? allocate() : next;
    } else {
      lost.addAndGet(frames);
    }
    buffer.clear();
    frames = 0;
  }

  /** Frames that did not get into the file; may be asked on any thread. */
  long lost() {
    return lost.get();
  }

  private void write(ByteBuffer header) {
    @Nullable IOException failure = null;
    try (target) {
      failure = attempt(() -> target.begin(header));
      free.offer(header);
      for (var batch = full.take(); !batch.isEnd(); batch = full.take()) {
        var bytes = batch.bytes();
        if (failure == null) {
          failure = attempt(() -> target.write(bytes));
        }
        if (failure != null) {
          lost.addAndGet(batch.frames());
        }
        free.offer(bytes);
      }
    } catch (IOException e) {
      // Some file systems tell only now that what was written is not there.
      if (failure == null) {
        onFailure.accept(e);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  private @Nullable IOException attempt(Step step) {
    try {
      step.run();
      return null;
    } catch (IOException e) {
      onFailure.accept(e);
      return e;
    } catch (RuntimeException | Error e) {
      var failure = new IOException("unexpected: " + e, e);
      onFailure.accept(failure);
      return failure;
    }
  }

  /** Writes what is recorded and closes the file; gives up after a while if it does not take it. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    flush();
    closed = true;
    try {
      long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLOSE_TIMEOUT_MILLIS);
      if (full.offer(Batch.END, CLOSE_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS)) {
        thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())));
      }
      if (thread.isAlive()) {
        thread.interrupt();
      }
    } catch (InterruptedException e) {
      thread.interrupt();
      Thread.currentThread().interrupt();
    }
  }
}
