/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.NetworkInterface;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Guests that make the gateway hold as much as they can: a program to run where the device is, as
 * root. Each has a MAC address of its own and opens connections from addresses that no kernel has,
 * so no RST disturbs them. On each connection, by turns, it
 *
 * <ul>
 *   <li>fills the window with every second piece of 1024 bytes, in frames padded to the MTU;
 *   <li>does so with pieces as long as the MTU allows;
 *   <li>with pieces of one byte;
 *   <li>asks for a flood of bytes, and acknowledges none.
 * </ul>
 *
 * <p>Arguments: interface, guests, connections in all. Prints {@code asked N, open M} once no more
 * connection opens; then waits to be killed.
 */
public final class HoardingGuests {
  private static final int ETHERNET = 14, IP = 20, TCP = 20, SYN_OPTIONS = 8;
  private static final int FIN = 1, SYN = 2, RST = 4, ACK = 16;
  private static final int FAR_ADDRESS = 0xC6336407;
  private static final int FIRST_ADDRESS = 0x0A400000;
  private static final int SEQUENCE = 1000;

  /** The gateway lets a guest wait for so many answers; the rest is dropped. */
  private static final int PENDING = 100;

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
  private static final int TRIES = 4;

  private static final int BURST = 32;
  private static final long PAUSE_NANOS = TimeUnit.MICROSECONDS.toNanos(500);

  private enum Hoard {
    PADDED,
    LONG,
    TINY,
    UNREAD
  }

  private final FrameSocket socket;
  private final int mtu;
  private final byte[] received = new byte[128];
  private final Map<Long, Connection> pending = new HashMap<>();
  private int open;
  private int sent;

  private HoardingGuests(FrameSocket socket, int mtu) {
    this.socket = socket;
    this.mtu = mtu;
  }

  private final class Connection {
    final int index;
    final int guest;
    int tries;
    long askedNanos;

    Connection(int index, int guests) {
      this.index = index;
      this.guest = index % guests;
    }

    Hoard hoard() {
      return Hoard.values()[index / 8 % Hoard.values().length];
    }

    int address() {
      return FIRST_ADDRESS + guest;
    }

    int port() {
      return 1024 + index % 60_000;
    }

    long key() {
      return (long) address() << 16 | port();
    }

    void ask(long nowNanos) throws Throwable {
      tries++;
      askedNanos = nowNanos;
      send(SEQUENCE - 1, 0, SYN, 0, 0);
    }

    void fill(int next, int window) throws Throwable {
      send(SEQUENCE, next, ACK, 0, 0);
      if (hoard() == Hoard.UNREAD) {
        send(SEQUENCE, next, ACK, 1, 0);
        return;
      }
      int piece =
          switch (hoard()) {
            case PADDED -> 1024;
            case LONG -> Math.min(mtu - IP - TCP, window / 2);
            default -> 1;
          };
      int padded = hoard() == Hoard.PADDED ? ETHERNET + mtu : 0;
      int most = hoard() == Hoard.TINY ? 256 : Integer.MAX_VALUE;
      for (int at = 1, i = 0; at + piece <= window && i < most; at += piece + 1, i++) {
        send(SEQUENCE + at, next, ACK, piece, padded);
      }
    }

    void send(int sequence, int acknowledgment, int flags, int payload, int padded)
        throws Throwable {
      int options = flags == SYN ? SYN_OPTIONS : 0;
      int length = ETHERNET + IP + TCP + options + payload;
      var frame = ByteBuffer.allocate(Math.max(length, padded));
      frame.put(new byte[] {2, 'T', 'o', 'r', 'V', 'L'});
      frame.put(new byte[] {2, 0, 0, 0x66, (byte) (guest >> 8), (byte) guest});
      frame.putShort((short) 0x0800);
      frame.putInt(0x45000000 | length - ETHERNET).putInt(0).putInt(64 << 24 | 6 << 16);
      frame.putInt(address()).putInt(FAR_ADDRESS);
      int port = hoard() == Hoard.UNREAD ? HoldingProxy.FLOOD : HoldingProxy.SILENT;
      frame.putShort((short) port()).putShort((short) port);
      frame.putInt(sequence).putInt(acknowledgment);
      frame.put((byte) ((TCP + options) / 4 << 4)).put((byte) flags).putShort((short) 0xFFFF);
      frame.putInt(0);
      if (options > 0) {
        // The segment size; and the greatest window scale, behind a no-operation.
        frame.putInt(0x02040000 | mtu - IP - TCP).putInt(0x0103030E);
      }
      frame.putShort(ETHERNET + 10, sum(frame, ETHERNET, ETHERNET + IP, 0));
      int pseudo = 6 + length - ETHERNET - IP;
      for (int i = 12; i < 20; i += 2) {
        pseudo += frame.getShort(ETHERNET + i) & 0xFFFF;
      }
      frame.putShort(ETHERNET + IP + 16, sum(frame, ETHERNET + IP, length, pseudo));
      socket.send(frame.array());
      if (++sent % BURST == 0) {
        // The device's queue is for other guests too: it is memory that is attacked here.
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }

  private static short sum(ByteBuffer frame, int from, int to, int initial) {
    long sum = initial;
    for (int i = from; i < to; i += 2) {
      sum += i + 1 < to ? frame.getShort(i) & 0xFFFF : (frame.get(i) & 0xFF) << 8;
    }
    while (sum > 0xFFFF) {
      sum = (sum & 0xFFFF) + (sum >>> 16);
    }
    return (short) ~sum;
  }

  private void run(int guests, int connections) throws Throwable {
    int asked = 0;
    while (asked < connections || !pending.isEmpty()) {
      long now = System.nanoTime();
      while (asked < connections && pending.size() < PENDING * guests) {
        var connection = new Connection(asked++, guests);
        pending.put(connection.key(), connection);
        connection.ask(now);
        takeAll();
      }
      if (!takeAll()) {
        repeat(now);
        LockSupport.parkNanos(1_000_000);
      }
    }
    System.out.println("asked " + asked + ", open " + open);
    while (true) {
      // What the gateway asks of connections that are silent is not answered.
      LockSupport.park();
    }
  }

  private void repeat(long nowNanos) throws Throwable {
    for (var connection : new ArrayList<>(pending.values())) {
      if (nowNanos - connection.askedNanos > RETRY_NANOS) {
        if (connection.tries == TRIES) {
          pending.remove(connection.key());
        } else {
          connection.ask(nowNanos);
        }
      }
    }
  }

  private boolean takeAll() throws Throwable {
    boolean any = false;
    for (int length = socket.receive(received); length > 0; length = socket.receive(received)) {
      any = true;
      if (length >= ETHERNET + IP + TCP) {
        take(ByteBuffer.wrap(received));
      }
    }
    return any;
  }

  private void take(ByteBuffer frame) throws Throwable {
    int tcp = ETHERNET + IP;
    long key = (long) frame.getInt(ETHERNET + 16) << 16 | frame.getShort(tcp + 2) & 0xFFFF;
    int flags = frame.get(tcp + 13) & (SYN | ACK | RST | FIN);
    if (frame.get(ETHERNET + 9) != 6 || flags != (SYN | ACK)) {
      return;
    }
    var connection = pending.remove(key);
    if (connection != null) {
      open++;
      connection.fill(frame.getInt(tcp + 4) + 1, frame.getShort(tcp + 14) & 0xFFFF);
    }
  }

  /** The command that runs this program, in a project that is at {@code project} and is built. */
  static List<String> command(String project, String device, int guests, int connections) {
    return List.of(
        System.getProperty("java.home") + "/bin/java",
        "--enable-native-access=ALL-UNNAMED",
        "-XX:-UsePerfData",
        "-XX:+UseSerialGC",
        "-Xmx256m",
        "-cp",
        project + "/e2e/target/classes",
        HoardingGuests.class.getName(),
        device,
        Integer.toString(guests),
        Integer.toString(connections));
  }

  public static void main(String[] arguments) throws Throwable {
    var device = NetworkInterface.getByName(arguments[0]);
    if (device == null) {
      throw new IOException("there is no interface " + arguments[0]);
    }
    try (var arena = Arena.ofConfined()) {
      int mtu = device.getMTU();
      var socket = FrameSocket.forIpv4(arena, device.getIndex(), ETHERNET + mtu);
      new HoardingGuests(socket, mtu)
          .run(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
    }
  }
}
