/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.Link;
import org.torvtl.link.LinkCounters;
import org.torvtl.wire.EthernetFrame;

/**
 * A {@link Link} over a TUN or TAP device, whose descriptor stands in Netty's epoll loop beside the
 * loop's sockets. One frame is one {@code read} or one {@code writev}.
 */
public final class DeviceLink implements Link {
  /** Frames taken in one turn, so that a busy guest does not starve the sockets of the loop. */
  private static final int FRAMES_PER_TURN = 64;

  /** Parts of a frame written at once; a frame in more parts is copied together first. */
  private static final int MAX_VECTORS = 64;

  private static final int VECTOR_LENGTH = 16;
  private static final int VLAN_TAG_LENGTH = 4;

  private static final Logger log = LoggerFactory.getLogger(DeviceLink.class);

  private final TunDevice device;
  private final int mtu;
  private final int maxFrameLength;
  private final LinkCounters counters = new LinkCounters();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment vectors =
      arena.allocate((long) MAX_VECTORS * VECTOR_LENGTH, Long.BYTES);
  private @Nullable IoRegistration registration;
  private boolean started;
  private boolean closed;

  /** Takes the device over: it is closed with the link. */
  public DeviceLink(TunDevice device) throws SystemCallException {
    this.device = device;
    this.mtu = device.networkInterface().mtu();
    this.maxFrameLength =
        mtu
            + (device.medium() == Medium.ETHERNET
                ? EthernetFrame.HEADER_LENGTH + VLAN_TAG_LENGTH
                : 0);
  }

  @Override
  public String name() {
    return device.networkInterface().name();
  }

  @Override
  public Medium medium() {
    return device.medium();
  }

  @Override
  public int mtu() {
    return mtu;
  }

  @Override
  public LinkCounters counters() {
    return counters;
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    if (started) {
      throw new IllegalStateException(name() + " was started before");
    }
    started = true;
    loop.register(new Handle(receiver))
        .addListener((Future<IoRegistration> registered) -> {
          if (!registered.isSuccess()) {
            receiver.failed(new IOException("cannot wait for " + name(), registered.cause()));
          } else if (closed) {
            registered.getNow().cancel();
          } else {
            registration = registered.getNow();
            registration.submit(EpollIoOps.EPOLLIN);
          }
        });
  }

  /** What the loop calls when the device has frames. */
  private final class Handle implements EpollIoHandle {
    private final FileDescriptor descriptor = new FileDescriptor(device.fd());
    private final Receiver receiver;
    private @Nullable ByteBuf buffer;

    Handle(Receiver receiver) {
      this.receiver = receiver;
    }

    @Override
    public FileDescriptor fd() {
      return descriptor;
    }

    @Override
    public void handle(IoRegistration registration, IoEvent event) {
      try {
        receive();
      } catch (OutOfMemoryError e) {
        close0();
        receiver.failed(new IOException("out of memory: " + e.getMessage(), e));
      }
    }

    private void receive() {
      for (int i = 0; i < FRAMES_PER_TURN && !closed; i++) {
        // One byte more than may come, so that a longer frame is seen to be one.
        ByteBuf frame = buffer();
        long length = Libc.read(device.fd(), frame.memoryAddress(), maxFrameLength + 1L);
        if (length < 0) {
          if (length != -Libc.EAGAIN && length != -Libc.EINTR) {
            fail((int) -length);
          }
          break;
        }
        if (length > maxFrameLength) {
          counters.oversizedDrops++;
          continue;
        }
        counters.receivedFrames++;
        counters.receivedBytes += length;
        frame.setIndex(0, (int) length);
        receiver.frame(frame);
      }
      receiver.endOfBatch();
    }

    /** A buffer nobody else holds: the last one again, unless a part of it was kept. */
    private ByteBuf buffer() {
      var last = buffer;
      if (last != null) {
        if (last.refCnt() == 1) {
          return last;
        }
        last.release();
      }
      buffer = last = ByteBufAllocator.DEFAULT.directBuffer(maxFrameLength + 1);
      return last;
    }

    private void fail(int errno) {
      var cause =
          new SystemCallException(
              "cannot read from " + name(), errno, errno == Libc.EBADFD ? "it was deleted" : "");
      close0();
      receiver.failed(cause);
    }

    @Override
    public void unregistered() {
      if (buffer != null) {
        buffer.release();
        buffer = null;
      }
      device.close();
      arena.close();
    }

    @Override
    public void close() {
      close0();
    }
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    if (closed) {
      counters.sendDrops++;
      return;
    }
    int count = vector(0, headers);
    count = payload.isReadable() && count > 0 ? vector(count, payload) : count;
    long written = count > 0 ? write(count) : writeCopy(headers, payload);
    if (written < 0) {
      counters.sendDrops++;
      if (log.isDebugEnabled()) {
        log.debug("{} did not take a frame: {}", name(), Libc.message((int) -written));
      }
    } else {
      counters.sentFrames++;
      counters.sentBytes += written;
    }
  }

  private long write(int count) {
    long written = Libc.writev(device.fd(), vectors.address(), count);
    return written == -Libc.EINTR ? Libc.writev(device.fd(), vectors.address(), count) : written;
  }

  /** Adds the readable parts of {@code buf} behind the first {@code count}; 0 if that cannot be. */
  private int vector(int count, ByteBuf buf) {
    if (buf.hasMemoryAddress()) {
      return count == MAX_VECTORS
          ? 0
          : vector(count, buf.memoryAddress() + buf.readerIndex(), buf.readableBytes());
    }
    if (!buf.isDirect() || buf.nioBufferCount() > MAX_VECTORS - count) {
      return 0;
    }
    for (ByteBuffer part : buf.nioBuffers()) {
      count = vector(count, MemorySegment.ofBuffer(part).address(), part.remaining());
    }
    return count;
  }

  private int vector(int count, long address, int length) {
    vectors.set(JAVA_LONG, (long) count * VECTOR_LENGTH, address);
    vectors.set(JAVA_LONG, (long) count * VECTOR_LENGTH + Long.BYTES, length);
    return count + 1;
  }

  private long writeCopy(ByteBuf headers, ByteBuf payload) {
    int length = headers.readableBytes() + payload.readableBytes();
    ByteBuf copy = ByteBufAllocator.DEFAULT.directBuffer(length);
    try {
      copy.writeBytes(headers, headers.readerIndex(), headers.readableBytes());
      copy.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
      return write(vector(0, copy));
    } finally {
      copy.release();
    }
  }

  /** Closes the link; called on its event loop, or when that has ended, or before the start. */
  @Override
  public void close() {
    close0();
  }

  private void close0() {
    if (closed) {
      return;
    }
    closed = true;
    if (registration != null) {
      registration.cancel();
    } else if (!started) {
      device.close();
      arena.close();
    }
  }
}
