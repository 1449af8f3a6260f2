/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.util.concurrent.DefaultEventExecutor;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.e2e.WorstPacket;
import org.torvtl.egress.Answer;
import org.torvtl.egress.IsolationKey;
import org.torvtl.gateway.dns.DnsClient;
import org.torvtl.gateway.dns.DnsCounters;
import org.torvtl.gateway.dns.DnsLimits;
import org.torvtl.gateway.dns.DnsService;
import org.torvtl.gateway.dns.NameResolver;
import org.torvtl.ip.FourTuple;
import org.torvtl.link.Link;
import org.torvtl.link.LinkCounters;
import org.torvtl.stack.GuestConnection;
import org.torvtl.stack.Stack;
import org.torvtl.stack.StackConfig;
import org.torvtl.stack.StackHandler;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** A stack and a DNS service without a device: what they send is looked at and forgotten. */
final class StackWorld implements AutoCloseable {
  static final int ADDRESS = 0x0A000002, PORT = 4000, FIRST = 1001;
  static final byte[] GATEWAY = bytes(StackConfig.DEFAULT_MAC);

  private static final int REMOTE = 0xC0000207, REMOTE_PORT = 80;
  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final int CHECKSUM = TRANSPORT + 16;
  private static final ByteBuf CHUNK = Unpooled.directBuffer(1 << 16).writeZero(1 << 16);

  private final DefaultEventExecutor executor = new DefaultEventExecutor();
  private final Sink sink = new Sink();
  private final DnsService dns =
      new DnsService(
          executor, new NoResolver(), new DnsLimits(1, 1, Duration.ofHours(1)), new DnsCounters());
  private boolean accepts;
  private @Nullable GuestConnection connection;
  private boolean isDownloading;
  private int progress;
  private boolean frozen;
  private long frozenNanos;
  private final Stack stack =
      new Stack(
          sink, StackConfig.of(0x0A000001), new Handler(), this::nanos, alarm -> {}, new byte[16]);

  StackWorld() {
    stack.udpServices().add(53, this::dnsQuery);
  }

  private long nanos() {
    return frozen ? frozenNanos : System.nanoTime();
  }

  /** Stops the clock so much later that a guest heard before is known when it is heard again. */
  void passProbation() {
    frozenNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(200);
    frozen = true;
  }

  /** Takes a frame as a batch of its own; how many were sent in all. */
  long receive(ByteBuf frame) {
    stack.frame(frame);
    stack.drained();
    stack.endOfBatch();
    return sink.counters.sentFrames;
  }

  /** Some other guest's frame. */
  static byte[] otherGuest() {
    return WorstPacket.ARP.frames(new byte[] {2, 0, 0, 0, 0, 0x77}, GATEWAY, 1)[0];
  }

  /**
   * Opens a connection from {@link #ADDRESS} and {@link #PORT}.
   *
   * @return the sequence number of the gateway's first byte; {@link #FIRST} is the guest's
   */
  int open(byte[] mac) {
    accepts = true;
    send(mac, TcpSegment.SYN, FIRST - 1, 0);
    int first = sink.sequence + 1;
    send(mac, TcpSegment.ACK, FIRST, first);
    accepts = false;
    if (stack.connections() != 1) {
      throw new IllegalStateException("the connection did not open");
    }
    return first;
  }

  /** Has the gateway send to the guest, from now on, as much as the guest takes. */
  void download() {
    isDownloading = true;
    refill();
  }

  /** Bytes that the guest has sent or acknowledged. */
  int progress() {
    return progress;
  }

  private void refill() {
    var open = connection;
    while (open != null && open.isWritable()) {
      open.send(CHUNK.retainedDuplicate());
    }
  }

  private void send(byte[] mac, int flags, int sequence, int acknowledgment) {
    var frame = segment(mac, flags, sequence, acknowledgment, 0);
    receive(frame);
    frame.release();
  }

  /** A segment of that connection, whose payload is zeros. */
  static ByteBuf segment(byte[] mac, int flags, int sequence, int acknowledgment, int payload) {
    int header = TcpSegment.MIN_HEADER_LENGTH;
    int room = TRANSPORT + header + payload;
    var frame = Unpooled.directBuffer(room).writeZero(room);
    var segment = new TcpSegment();
    segment.compose(
        frame,
        TRANSPORT,
        PORT,
        REMOTE_PORT,
        new TcpHeader()
            .sequence(sequence)
            .acknowledgment(acknowledgment)
            .flags(flags)
            .window(65_535));
    var packet = new Ipv4Packet().wrap(frame, IP, room - IP);
    packet.compose(ADDRESS, REMOTE, Ipv4Packet.PROTOCOL_TCP, 1, true, header + payload);
    segment.wrap(frame, TRANSPORT, header + payload).updateChecksum(packet.pseudoHeaderSum());
    new EthernetFrame()
        .wrap(frame, 0, IP)
        .compose(
            StackConfig.DEFAULT_MAC,
            MacAddress.get(Unpooled.wrappedBuffer(mac), 0),
            EthernetFrame.TYPE_IPV4);
    return frame;
  }

  /** Gives a segment other numbers, at a small part of the cost of composing it. */
  static void renumber(ByteBuf frame, int sequence, int acknowledgment) {
    int numbers = TRANSPORT + Integer.BYTES;
    long removed = frame.getUnsignedInt(numbers) + frame.getUnsignedInt(numbers + Integer.BYTES);
    long added = (sequence & 0xFFFFFFFFL) + (acknowledgment & 0xFFFFFFFFL);
    int checksum = InternetChecksum.replace(frame.getUnsignedShort(CHECKSUM), removed, added);
    frame.setInt(numbers, sequence).setInt(numbers + Integer.BYTES, acknowledgment);
    frame.setShort(CHECKSUM, checksum);
  }

  private static byte[] bytes(long mac) {
    var buf = Unpooled.buffer(MacAddress.LENGTH, MacAddress.LENGTH);
    MacAddress.set(buf, 0, mac);
    return buf.array();
  }

  @Override
  public void close() {
    stack.close();
    dns.close();
    executor.shutdownGracefully(0, 0, TimeUnit.SECONDS);
  }

  /** Asks nobody: lookups stay under way. */
  private final class NoResolver implements NameResolver {
    @Override
    public Future<Answer> resolve(IsolationKey isolation, String name) {
      return executor.newPromise();
    }

    @Override
    public Future<Answer> resolvePtr(IsolationKey isolation, InetAddress address) {
      return executor.newPromise();
    }
  }

  private void dnsQuery(FourTuple flow, ByteBuf query) {
    dns.answer(
        new DnsClient(
            flow.guest(),
            new IsolationKey(MacAddress.toString(flow.guest())),
            flow.guest(),
            flow.guestAddress(),
            flow.guestPort(),
            false),
        query,
        stack::admitsRequest,
        answer -> {
          stack.sendDatagram(flow, answer);
          answer.release();
        });
  }

  private final class Handler implements StackHandler {
    @Override
    public void connection(GuestConnection pending) {
      pending.handler(
          new ConnectionHandler() {
            @Override
            public void established() {}

            @Override
            public void data(ByteBuf data) {
              progress += data.readableBytes();
              pending.consumed(data.readableBytes());
              data.release();
            }

            @Override
            public void endOfStream() {}

            @Override
            public void acknowledged(int bytes) {
              progress += bytes;
              if (isDownloading) {
                refill();
              }
            }

            @Override
            public void closed(CloseReason reason) {}
          });
      if (accepts) {
        connection = pending;
        pending.accept();
      } else {
        pending.refuse();
      }
    }

    @Override
    public void endOfBatch() {}

    @Override
    public void linkFailed(IOException cause) {
      throw new IllegalStateException(cause);
    }
  }

  /** Where what is sent ends; remembers the sequence number of what may be a segment. */
  private static final class Sink implements Link {
    private final LinkCounters counters = new LinkCounters();
    private int sequence;

    @Override
    public String name() {
      return "sink0";
    }

    @Override
    public Medium medium() {
      return Medium.ETHERNET;
    }

    @Override
    public int mtu() {
      return 1500;
    }

    @Override
    public void start(IoEventLoop loop, Receiver receiver) {}

    @Override
    public void send(ByteBuf headers, ByteBuf payload) {
      counters.sentFrames++;
      if (headers.readableBytes() >= TRANSPORT + Long.BYTES) {
        sequence = headers.getInt(TRANSPORT + Integer.BYTES);
      }
    }

    @Override
    public LinkCounters counters() {
      return counters;
    }

    @Override
    public void close() {}
  }
}
