/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A link that records what passes another one, both ways, as Wireshark and tcpdump read it. What
 * comes from guests is marked inbound, what goes to them outbound.
 *
 * <p>Frames are recorded as they pass: those of up to 64 KiB that the kernel takes or hands over in
 * one piece in one piece, and those whose TCP checksum is yet to be made without it, which
 * Wireshark knows as "checksum offload" if it is told to verify checksums at all. What the device
 * did not take is recorded all the same. A file that cannot be written does not disturb the link:
 * frames are counted as {@link LinkCounters#captureDrops}.
 */
public final class PcapngLink extends ForwardingLink {
  /** What was sent outside of a batch is in the file after so long. */
  private static final long FLUSH_MILLIS = 100;

  private final PcapngWriter writer;
  private final LongSupplier epochNanos;
  private @Nullable IoEventLoop loop;
  private @Nullable ScheduledFuture<?> flush;

  /**
   * Records a link.
   *
   * @param link is closed with this
   * @param target where the capture goes; is closed with this
   * @param epochNanos nanoseconds since 1970
   * @param onFailure is told once, on another thread, that nothing more can be recorded
   */
  public PcapngLink(
      Link link, CaptureTarget target, LongSupplier epochNanos, Consumer<IOException> onFailure) {
    super(link);
    this.epochNanos = epochNanos;
    this.writer =
        new PcapngWriter(
            target,
            link.name(),
            link.medium() == Medium.ETHERNET
                ? PcapngWriter.LINKTYPE_ETHERNET
                : PcapngWriter.LINKTYPE_RAW,
            onFailure);
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    this.loop = loop;
    link.start(loop, recorded(receiver));
  }

  /** A receiver that records, and passes all on. */
  Receiver recorded(Receiver receiver) {
    return new ForwardingReceiver(receiver) {
      @Override
      public void frame(ByteBuf frame) {
        record(PcapngWriter.INBOUND, frame, Unpooled.EMPTY_BUFFER);
        receiver.frame(frame);
      }

      @Override
      public void trustedFrame(ByteBuf frame) {
        record(PcapngWriter.INBOUND, frame, Unpooled.EMPTY_BUFFER);
        receiver.trustedFrame(frame);
      }

      @Override
      public void endOfBatch() {
        receiver.endOfBatch();
        flush();
      }
    };
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    record(PcapngWriter.OUTBOUND, headers, payload);
    link.send(headers, payload);
    flushSoon();
  }

  @Override
  public void sendTcp(ByteBuf headers, ByteBuf payload, int tcpOffset, int segmentSize) {
    record(PcapngWriter.OUTBOUND, headers, payload);
    link.sendTcp(headers, payload, tcpOffset, segmentSize);
    flushSoon();
  }

  private void flushSoon() {
    if (flush == null && loop != null) {
      flush = loop.schedule(this::flush, FLUSH_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  private void record(int direction, ByteBuf headers, ByteBuf payload) {
    writer.record(epochNanos.getAsLong(), direction, headers, payload);
  }

  private void flush() {
    if (flush != null) {
      flush.cancel(false);
      flush = null;
    }
    writer.flush();
  }

  @Override
  public LinkCounters counters() {
    var counters = link.counters();
    counters.captureDrops = writer.lost();
    return counters;
  }

  @Override
  public void close() {
    link.close();
    flush();
    writer.close();
  }
}
