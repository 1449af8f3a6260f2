/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.Link;
import org.torvtl.wire.EthernetFrame;

/** Interfaces with several queues, against the kernel: needs /dev/net/tun and root. */
class QueuesTest {
  private static final int GUEST = 0x0A000002, FAR = 0xC0000207;
  private static final int HOSTS = 48, QUEUES = 3, MAX_FRAME = 2048;
  private static final int TYPE_OF_OTHERS = 0x88B5;
  private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final NetworkInterface networkInterface =
      new NetworkInterface(
          "tvq%06x"
              .formatted(ThreadLocalRandom.current().nextInt(1 << 24))
              .toLowerCase(Locale.ROOT));

  @Test
  void eachFrameIsReadWhereItBelongs() throws Exception {
    var devices = TunDevice.openQueues(networkInterface, Link.Medium.ETHERNET, false, QUEUES);
    try {
      networkInterface.up();
      var host = new DeviceLink(PacketSocket.openForSending(networkInterface, 0));
      var sent = new ArrayList<ByteBuf>();
      for (int i = 0; i < HOSTS; i++) {
        sent.add(SteeringTest.tcp(Link.Medium.ETHERNET, GUEST, FAR + i, 40_000));
      }
      for (int i = 0; i < HOSTS; i++) {
        // One of no protocol at all for each, of the same addresses.
        sent.add(sent.get(i).copy().setShort(12, TYPE_OF_OTHERS));
      }
      sent.forEach(frame -> host.send(frame, Unpooled.EMPTY_BUFFER));
      host.close();
      var received = receive(devices, sent);
      assertThat(received).allMatch(frames -> frames.size() >= HOSTS / QUEUES / 2);
      for (var device : devices) {
        for (var frame : received.get(devices.indexOf(device))) {
          assertThat(devices).filteredOn(each -> !each.isMisdirected(frame)).containsOnly(device);
        }
      }
      assertThat(received.stream().flatMap(List::stream)).containsExactlyInAnyOrderElementsOf(sent);
      assertThat(received.getFirst())
          .filteredOn(frame -> frame.getUnsignedShort(12) == TYPE_OF_OTHERS)
          .hasSize(HOSTS);
    } finally {
      devices.forEach(TunDevice::close);
    }
    assertThat(networkInterface.exists()).isFalse();
  }

  /** By queue, those of the frames that were sent: the host itself says things of its own. */
  private static List<List<ByteBuf>> receive(List<TunDevice> devices, List<ByteBuf> sent) {
    var received = new ArrayList<List<ByteBuf>>();
    devices.forEach(device -> received.add(new ArrayList<>()));
    long begun = System.nanoTime();
    try (var arena = Arena.ofConfined()) {
      var buffer = arena.allocate(MAX_FRAME);
      for (int count = 0; count < sent.size(); ) {
        assertThat(System.nanoTime() - begun).as("%d came", count).isLessThan(DEADLINE_NANOS);
        boolean any = false;
        for (int i = 0; i < devices.size(); i++) {
          long length = Libc.read(devices.get(i).fd(), buffer.address(), MAX_FRAME);
          if (length > 0) {
            any = true;
            var frame = Unpooled.wrappedBuffer(buffer.asSlice(0, length).toArray(JAVA_BYTE));
            int type = frame.getUnsignedShort(12);
            if (type == EthernetFrame.TYPE_IPV4 && frame.getInt(26) == GUEST
                || type == TYPE_OF_OTHERS) {
              received.get(i).add(frame);
              count++;
            }
          }
        }
        if (!any) {
          LockSupport.parkNanos(1_000_000);
        }
      }
    }
    return received;
  }

  /** As at the end of a program, between the close of one and of the next. */
  @Test
  void whatWasForAQueueThatIsGoneIsDropped() throws Exception {
    var devices = TunDevice.openQueues(networkInterface, Link.Medium.ETHERNET, true, QUEUES);
    devices.subList(1, QUEUES).forEach(TunDevice::close);
    networkInterface.up();
    var frames =
        IntStream.range(0, HOSTS)
            .mapToObj(i -> SteeringTest.tcp(Link.Medium.ETHERNET, GUEST, FAR + i, 40_000))
            .toList();
    long own = frames.stream().filter(frame -> !devices.getFirst().isMisdirected(frame)).count();
    assertThat(own).isBetween(1L, HOSTS - 1L);
    var link = new DeviceLink(devices.getFirst());
    var received = new LinkedBlockingQueue<Integer>();
    try (var group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory())) {
      var loop = group.next();
      link.start(loop, new ReceiverOfDestinations(received));
      var host = new DeviceLink(PacketSocket.openForSending(networkInterface, 0));
      frames.forEach(frame -> host.send(frame, Unpooled.EMPTY_BUFFER));
      host.close();
      var came = new ArrayList<Integer>();
      for (int i = 0; i < own; i++) {
        came.add(received.poll(20, TimeUnit.SECONDS));
      }
      assertThat(came)
          .containsExactlyInAnyOrderElementsOf(
              frames.stream()
                  .filter(frame -> !devices.getFirst().isMisdirected(frame))
                  .map(frame -> frame.getInt(30))
                  .toList());
      long begun = System.nanoTime();
      while (loop.submit(() -> link.counters().misdirectedDrops).get() < HOSTS - own) {
        assertThat(System.nanoTime() - begun).isLessThan(DEADLINE_NANOS);
        LockSupport.parkNanos(1_000_000);
      }
      assertThat(received).isEmpty();
      loop.submit(link::close).get();
    }
  }

  /** Notes where the guest's IPv4 packets go. */
  private record ReceiverOfDestinations(Queue<Integer> destinations) implements Link.Receiver {
    @Override
    public void frame(ByteBuf frame) {
      if (frame.getUnsignedShort(12) == EthernetFrame.TYPE_IPV4 && frame.getInt(26) == GUEST) {
        destinations.add(frame.getInt(30));
      }
    }

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
      throw new AssertionError(cause);
    }
  }

  @Test
  void anInterfaceForSeveralStaysAndIsUsedByOneProgramAtATime() throws Exception {
    try (var device = TunDevice.openForQueues(networkInterface, Link.Medium.IP)) {
      device.setPersistent(true);
    }
    try {
      networkInterface.up();
      for (int i = 0; i < 2; i++) {
        var devices = TunDevice.openQueues(networkInterface, Link.Medium.IP, true, QUEUES);
        assertThat(devices).hasSize(QUEUES).allMatch(TunDevice::hasOffloads);
        assertThatThrownBy(
                () -> TunDevice.openQueues(networkInterface, Link.Medium.IP, true, QUEUES))
            .isInstanceOf(SystemCallException.class)
            .hasMessageContaining("another program is attached");
        assertThatThrownBy(() -> TunDevice.openForQueues(networkInterface, Link.Medium.IP))
            .hasMessageContaining("another program is attached");
        assertThatThrownBy(() -> TunDevice.delete(networkInterface, Link.Medium.IP))
            .hasMessageContaining("another program is attached");
        devices.forEach(TunDevice::close);
        assertThat(networkInterface.exists()).isTrue();
      }
      assertThatThrownBy(() -> TunDevice.open(networkInterface, Link.Medium.IP))
          .isInstanceOf(SystemCallException.class)
          .hasMessageContaining("made for several queues");
    } finally {
      TunDevice.delete(networkInterface, Link.Medium.IP);
    }
    assertThat(networkInterface.exists()).isFalse();
  }

  @Test
  void anInterfaceForOneQueueIsRefusedWithAFix() throws Exception {
    try (var device = TunDevice.open(networkInterface, Link.Medium.ETHERNET)) {
      device.setPersistent(true);
    }
    try {
      assertThatThrownBy(
              () -> TunDevice.openQueues(networkInterface, Link.Medium.ETHERNET, true, QUEUES))
          .isInstanceOf(SystemCallException.class)
          .hasMessageContaining("made for one queue")
          .hasMessageContaining(
              "ip tuntap add dev " + networkInterface.name() + " mode tap multi_queue");
      assertThatThrownBy(() -> TunDevice.openQueues(networkInterface, Link.Medium.IP, true, QUEUES))
          .hasMessageContaining("not a TUN");
    } finally {
      TunDevice.delete(networkInterface, Link.Medium.ETHERNET);
    }
    assertThat(networkInterface.exists()).isFalse();
  }
}
