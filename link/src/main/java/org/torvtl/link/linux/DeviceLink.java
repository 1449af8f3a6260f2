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
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.Link;
import org.torvtl.link.LinkCounters;
import org.torvtl.wire.EthernetFrame;

/**
 * A {@link Link} over a device of the kernel, whose descriptor stands in Netty's epoll loop beside
 * the loop's sockets. One frame is one {@code readv} or one {@code writev}. It may also receive
 * from one device and send into another.
 *
 * <p>Where frames may be much longer than the MTU, each is read into two buffers: a small one that
 * most frames fit in, and a large one for the rest of a long frame, in which room is left to put
 * the beginning in front. So a receiver that keeps a short frame does not keep 64 KiB; one that
 * keeps a part of a longer one looks at the buffer's capacity, and copies.
 *
 * <p>While there is no memory for a buffer, frames are dropped and counted.
 */
public final class DeviceLink implements Link {
  /**
   * Frames and bytes taken in one turn, so that a busy guest does not starve the sockets of the
   * loop, and what it sends is on its way on while it sends more.
   */
  private static final int FRAMES_PER_TURN = 64, BYTES_PER_TURN = 256 << 10;

  /** Parts of a frame written at once; a frame in more parts is copied together first. */
  private static final int MAX_VECTORS = 64;

  /** Of a frame that is dropped for want of a buffer; the device discards the rest. */
  private static final int SCRAP_BYTES = 64;

  private static final int VECTOR_LENGTH = 16;
  private static final int VLAN_TAG_LENGTH = 4;

  /** Bytes of the longest super-segment: an IP packet can be no longer. */
  private static final int MAX_PACKET_LENGTH = 0xFFFF;

  private static final Logger log = LoggerFactory.getLogger(DeviceLink.class);

  private final Device in;
  private final Device out;
  private final ByteBufAllocator allocator;
  private final int mtu, shortFrameLength, maxFrameLength;
  private final LinkCounters counters = new LinkCounters();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment vectors =
      arena.allocate((long) MAX_VECTORS * VECTOR_LENGTH, Long.BYTES);
  private final MemorySegment arriving = arena.allocate(3L * VECTOR_LENGTH, Long.BYTES);
  private final MemorySegment receivedHeader = arena.allocate(VnetHeader.LENGTH, Long.BYTES);
  private final MemorySegment scrap = arena.allocate(SCRAP_BYTES, Long.BYTES);
  private final MemorySegment sentHeader = arena.allocate(VnetHeader.LENGTH, Long.BYTES);
  private @Nullable Receiver receiver;
  private @Nullable IoEventLoop loop;
  private @Nullable IoRegistration registration;
  private boolean closed;

  /** Takes the device over: it is closed with the link. */
  public DeviceLink(Device device) throws SystemCallException {
    this(device, device);
  }

  /**
   * Receives from one device and sends into another; both are taken over.
   *
   * @throws IllegalArgumentException if one carries Ethernet frames and the other does not
   */
  public DeviceLink(Device in, Device out) throws SystemCallException {
    this(in, out, ByteBufAllocator.DEFAULT);
  }

  DeviceLink(Device in, Device out, ByteBufAllocator allocator) throws SystemCallException {
    this.allocator = allocator;
    if (in.medium() != out.medium()) {
      throw new IllegalArgumentException("devices of two kinds");
    }
    this.in = in;
    this.out = out;
    this.mtu = Math.min(in.networkInterface().mtu(), out.networkInterface().mtu());
    int linkHeader =
        in.medium() == Medium.ETHERNET ? EthernetFrame.HEADER_LENGTH + VLAN_TAG_LENGTH : 0;
    this.shortFrameLength = in.networkInterface().mtu() + linkHeader;
    this.maxFrameLength =
        in.hasOffloads()
            ? Math.max(MAX_PACKET_LENGTH + linkHeader, shortFrameLength)
            : shortFrameLength;
  }

  @Override
  public String name() {
    return in.networkInterface().name();
  }

  @Override
  public Medium medium() {
    return in.medium();
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
    if (this.receiver != null) {
      throw new IllegalStateException(name() + " was started before");
    }
    this.receiver = receiver;
    this.loop = loop;
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
    private final FileDescriptor descriptor = new FileDescriptor(in.fd());
    private final Receiver receiver;

    // One byte more than may come, so that a longer frame is seen to be one.
    private final ReadBuffer shortBuffer = new ReadBuffer(allocator, shortFrameLength + 1);
    private final @Nullable ReadBuffer longBuffer =
        in.hasOffloads() ? new ReadBuffer(allocator, maxFrameLength + 1) : null;

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
      int bytes = 0;
      for (int i = 0; i < FRAMES_PER_TURN && bytes < BYTES_PER_TURN && !closed; i++) {
        long length = readAndDeliver();
        if (length >= 0) {
          bytes += (int) length;
        } else if (length == -Libc.EINVAL && in.hasOffloads()) {
          // Bundled in a way that the kernel has no virtio header for.
          counters.offloadDrops++;
        } else {
          if (length == -Libc.EAGAIN) {
            receiver.drained();
          } else if (length != -Libc.EINTR) {
            fail("cannot read from " + name(), (int) -length);
          }
          break;
        }
      }
      receiver.endOfBatch();
    }

    /** Takes a frame; its length, or the negative error. */
    private long readAndDeliver() {
      ByteBuf first;
      ByteBuf rest;
      try {
        first = shortBuffer.unshared();
        rest = longBuffer == null ? null : longBuffer.unshared();
      } catch (OutOfMemoryError e) {
        return discard();
      }
      long length = read(first, rest);
      if (length >= 0) {
        frame(first, rest, (int) length);
      }
      return length;
    }

    private long discard() {
      int count = 0;
      if (in.hasOffloads()) {
        count = vector(arriving, count, receivedHeader.address(), VnetHeader.LENGTH);
      }
      count = vector(arriving, count, scrap.address(), SCRAP_BYTES);
      long length = Libc.readv(in.fd(), arriving.address(), count);
      if (length >= 0) {
        counters.memoryDrops++;
        receiver.allocationFailed();
      }
      return length;
    }

    /** Reads a frame; its beginning is in {@code first}, the rest behind as much room. */
    private long read(ByteBuf first, @Nullable ByteBuf rest) {
      int count = 0;
      int header = 0;
      if (in.hasOffloads()) {
        header = VnetHeader.LENGTH;
        count = vector(arriving, count, receivedHeader.address(), header);
      }
      count = vector(arriving, count, first.memoryAddress(), shortFrameLength + 1);
      if (rest != null) {
        int room = shortFrameLength + 1;
        count = vector(arriving, count, rest.memoryAddress() + room, maxFrameLength + 1 - room);
      }
      long length = Libc.readv(in.fd(), arriving.address(), count);
      return length < 0 ? length : Math.max(length - header, 0);
    }

    private void frame(ByteBuf first, @Nullable ByteBuf rest, int all) {
      if (all > maxFrameLength) {
        counters.oversizedDrops++;
        return;
      }
      boolean offloads = in.hasOffloads();
      int length = offloads ? SuperFrame.takeable(receivedHeader, medium(), first, all) : all;
      if (length < 0) {
        counters.offloadDrops++;
        return;
      }
      counters.receivedFrames++;
      counters.receivedBytes += length;
      boolean trusted = offloads && VnetHeader.isChecksumTrusted(receivedHeader);
      if (rest == null || length <= shortFrameLength + 1) {
        deliver(first.setIndex(0, length), trusted);
        return;
      }
      rest.setBytes(0, first, 0, shortFrameLength + 1).setIndex(0, length);
      deliver(rest, trusted);
    }

    private void deliver(ByteBuf frame, boolean trusted) {
      if (in.isMisdirected(frame)) {
        counters.misdirectedDrops++;
      } else if (trusted) {
        receiver.trustedFrame(frame);
      } else {
        receiver.frame(frame);
      }
    }

    @Override
    public void unregistered() {
      shortBuffer.release();
      if (longBuffer != null) {
        longBuffer.release();
      }
      closeDevices();
    }

    @Override
    public void close() {
      close0();
    }
  }

  private void fail(String what, int errno) {
    if (closed) {
      return;
    }
    var cause =
        new SystemCallException(
            what,
            errno,
            switch (errno) {
              case Libc.EBADFD -> "it was deleted";
              case Libc.ENETDOWN, Libc.ENXIO, Libc.ENODEV ->
                  "it was taken down or deleted; bring it up and start torvtl again";
              default -> "";
            });
    close0();
    if (receiver != null) {
      receiver.failed(cause);
    }
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    if (isGone()) {
      return;
    }
    VnetHeader.setFinished(sentHeader);
    sendPrefixed(headers, payload);
  }

  @Override
  public boolean hasTcpOffload() {
    return out.hasOffloads();
  }

  @Override
  public void sendTcp(ByteBuf headers, ByteBuf payload, int tcpOffset, int segmentSize) {
    if (!out.hasOffloads()) {
      Link.super.sendTcp(headers, payload, tcpOffset, segmentSize);
      return;
    }
    if (isGone()) {
      return;
    }
    VnetHeader.setUnfinishedTcp(
        sentHeader, headers.readableBytes(), tcpOffset, payload.readableBytes(), segmentSize);
    sendPrefixed(headers, payload);
  }

  /** Whether there is nothing left to send into; then what was to be sent is counted. */
  private boolean isGone() {
    if (closed) {
      counters.sendDrops++;
    }
    return closed;
  }

  private void sendPrefixed(ByteBuf headers, ByteBuf payload) {
    int prefix = 0;
    int prefixLength = 0;
    if (out.hasOffloads()) {
      prefixLength = VnetHeader.LENGTH;
      prefix = vector(vectors, 0, sentHeader.address(), prefixLength);
    }
    int count = vector(prefix, headers);
    count = payload.isReadable() && count > 0 ? vector(count, payload) : count;
    long written = count > 0 ? write(count) : writeCopy(prefix, headers, payload);
    if (written >= 0) {
      counters.sentFrames++;
      counters.sentBytes += written - prefixLength;
      return;
    }
    counters.sendDrops++;
    if (log.isDebugEnabled()) {
      log.debug("{} did not take a frame: {}", outName(), Libc.message((int) -written));
    }
    var loop = this.loop;
    if (loop != null && (written == -Libc.ENETDOWN || written == -Libc.ENXIO)) {
      // The system tells it once, and not the next read. The caller may still hold a frame of ours.
      loop.execute(() -> fail("cannot send into " + outName(), (int) -written));
    }
  }

  private String outName() {
    return out.networkInterface().name();
  }

  private long write(int count) {
    long written = Libc.writev(out.fd(), vectors.address(), count);
    return written == -Libc.EINTR ? Libc.writev(out.fd(), vectors.address(), count) : written;
  }

  /** Adds the readable parts of {@code buf} behind the first {@code count}; 0 if that cannot be. */
  private int vector(int count, ByteBuf buf) {
    if (buf.hasMemoryAddress()) {
      return count == MAX_VECTORS
          ? 0
          : vector(vectors, count, buf.memoryAddress() + buf.readerIndex(), buf.readableBytes());
    }
    if (!buf.isDirect() || buf.nioBufferCount() > MAX_VECTORS - count) {
      return 0;
    }
    for (ByteBuffer part : buf.nioBuffers()) {
      count = vector(vectors, count, MemorySegment.ofBuffer(part).address(), part.remaining());
    }
    return count;
  }

  private static int vector(MemorySegment vectors, int count, long address, int length) {
    vectors.set(JAVA_LONG, (long) count * VECTOR_LENGTH, address);
    vectors.set(JAVA_LONG, (long) count * VECTOR_LENGTH + Long.BYTES, length);
    return count + 1;
  }

  private long writeCopy(int prefix, ByteBuf headers, ByteBuf payload) {
    int length = headers.readableBytes() + payload.readableBytes();
    ByteBuf copy;
    try {
      copy = allocator.directBuffer(length);
    } catch (OutOfMemoryError e) {
      return -Libc.ENOBUFS;
    }
    try {
      copy.writeBytes(headers, headers.readerIndex(), headers.readableBytes());
      copy.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
      return write(vector(prefix, copy));
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
    } else if (receiver == null) {
      closeDevices();
    }
  }

  private void closeDevices() {
    in.close();
    if (out != in) {
      out.close();
    }
    arena.close();
  }
}
