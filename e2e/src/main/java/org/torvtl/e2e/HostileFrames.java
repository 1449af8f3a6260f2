/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Ethernet frames as no honest guest sends them: well-formed packets of every protocol, mutated,
 * and plain noise. The same generator state gives the same frames.
 *
 * <p>In half of the mutated IPv4 packets the checksums are right again, so that the mutation gets
 * past them.
 */
final class HostileFrames {
  /** Least length the kernel sends, and the greatest over a device with an MTU of 1500. */
  static final int MIN_LENGTH = 14, MAX_LENGTH = 1514;

  private static final int ETHERNET = 14, IPV4_HEADER = 20;
  private static final int ARP = 0x0806, IPV4 = 0x0800, IPV6 = 0x86DD;
  private static final int ICMP = 1, TCP = 6, UDP = 17;

  private final RandomGenerator random;
  private final byte[] guestMac;
  private final int guestAddress;
  private final int farAddress;

  HostileFrames(RandomGenerator random, byte[] guestMac, int guestAddress, int farAddress) {
    this.random = random;
    this.guestMac = guestMac.clone();
    this.guestAddress = guestAddress;
    this.farAddress = farAddress;
  }

  byte[] next() {
    return switch (random.nextInt(10)) {
      case 0 -> mutated(ethernet(ARP, arp()));
      case 1 -> mutated(ethernet(IPV4, ipv4(ICMP, icmp())));
      case 2 -> mutated(ethernet(IPV4, ipv4(UDP, udp(53, dnsQuery()))));
      case 3 -> mutated(ethernet(IPV4, ipv4(UDP, udp(random.nextInt(65536), noise(200)))));
      case 4, 5 -> mutated(ethernet(IPV4, ipv4(TCP, tcp())));
      case 6 -> fragment();
      case 7 -> mutated(ethernet(IPV6, ipv6()));
      case 8 -> ethernet(random.nextInt(65536), noise(MAX_LENGTH - ETHERNET));
      default -> ethernet(random.nextBoolean() ? IPV4 : ARP, noise(100));
    };
  }

  private byte[] noise(int maxLength) {
    var bytes = new byte[random.nextInt(maxLength + 1)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** To everybody, to a random station, or to the one it came from: the gateway has to cope. */
  private byte[] ethernet(int type, byte[] payload) {
    var frame = ByteBuffer.allocate(Math.min(ETHERNET + payload.length, MAX_LENGTH));
    var destination = new byte[6];
    switch (random.nextInt(8)) {
      case 0 -> random.nextBytes(destination);
      case 1 -> destination = guestMac;
      default -> Arrays.fill(destination, (byte) 0xFF);
    }
    frame.put(destination).put(guestMac).putShort((short) type);
    return frame.put(payload, 0, frame.remaining()).array();
  }

  private byte[] arp() {
    return ByteBuffer.allocate(28)
        .putShort((short) 1)
        .putShort((short) IPV4)
        .put((byte) 6)
        .put((byte) 4)
        .putShort((short) random.nextInt(1, 4))
        .put(guestMac)
        .putInt(random.nextInt(4) == 0 ? 0 : guestAddress)
        .put(new byte[6])
        .putInt(random.nextBoolean() ? random.nextInt() : guestAddress)
        .array();
  }

  private byte[] ipv4(int protocol, byte[] payload) {
    var packet = ByteBuffer.allocate(IPV4_HEADER + payload.length);
    packet
        .put((byte) 0x45)
        .put((byte) 0)
        .putShort((short) packet.capacity())
        .putShort((short) random.nextInt())
        .putShort((short) 0)
        .put((byte) 64)
        .put((byte) protocol)
        .putShort((short) 0)
        .putInt(guestAddress)
        .putInt(random.nextInt(8) == 0 ? random.nextInt() : farAddress)
        .put(payload);
    return packet.array();
  }

  private byte[] icmp() {
    var body = noise(64);
    return ByteBuffer.allocate(8 + body.length)
        .put((byte) (random.nextBoolean() ? 8 : random.nextInt(256)))
        .put((byte) (random.nextBoolean() ? 0 : random.nextInt(256)))
        .putShort((short) 0)
        .putInt(random.nextInt())
        .put(body)
        .array();
  }

  private byte[] udp(int port, byte[] payload) {
    return ByteBuffer.allocate(8 + payload.length)
        .putShort((short) random.nextInt(1024, 65536))
        .putShort((short) port)
        .putShort((short) (8 + payload.length))
        .putShort((short) 0)
        .put(payload)
        .array();
  }

  /** A question for web.lab.test, with counts and labels that may lie. */
  private byte[] dnsQuery() {
    var name = new byte[] {3, 'w', 'e', 'b', 3, 'l', 'a', 'b', 4, 't', 'e', 's', 't', 0};
    if (random.nextBoolean()) {
      name[random.nextInt(name.length)] = (byte) (random.nextBoolean() ? 0xC0 : random.nextInt());
    }
    return ByteBuffer.allocate(12 + name.length + 4)
        .putShort((short) random.nextInt())
        .putShort((short) (random.nextBoolean() ? 0x0100 : random.nextInt()))
        .putShort((short) (random.nextBoolean() ? 1 : random.nextInt()))
        .putShort((short) 0)
        .putShort((short) 0)
        .putShort((short) (random.nextBoolean() ? 0 : random.nextInt()))
        .put(name)
        .putShort((short) (random.nextBoolean() ? 1 : random.nextInt()))
        .putShort((short) (random.nextBoolean() ? 1 : random.nextInt()))
        .array();
  }

  /** Any flags, but seldom a lone SYN: each of those would be a stream for Tor to open. */
  private byte[] tcp() {
    int flags = random.nextInt(256);
    if ((flags & 0x17) == 0x02 && random.nextInt(10) != 0) {
      flags |= 0x10;
    }
    var options = new byte[4 * random.nextInt(11)];
    random.nextBytes(options);
    var payload = noise(300);
    return ByteBuffer.allocate(20 + options.length + payload.length)
        .putShort((short) random.nextInt(1024, 65536))
        .putShort((short) (random.nextBoolean() ? 80 : random.nextInt()))
        .putInt(random.nextInt())
        .putInt(random.nextInt())
        .put((byte) ((5 + options.length / 4) << 4))
        .put((byte) flags)
        .putShort((short) random.nextInt())
        .putShort((short) 0)
        .putShort((short) random.nextInt())
        .put(options)
        .put(payload)
        .array();
  }

  /** Fragments that overlap, contradict one another, go past 65535, and never become whole. */
  private byte[] fragment() {
    var packet = ByteBuffer.wrap(ipv4(random.nextBoolean() ? UDP : ICMP, noise(600)));
    packet.putShort(4, (short) random.nextInt(16));
    packet.putShort(
        6,
        (short)
            (random.nextInt(4) << 13
                | (random.nextBoolean() ? random.nextInt(200) : random.nextInt(0x2000))));
    return withChecksums(ethernet(IPV4, packet.array()));
  }

  private byte[] ipv6() {
    var payload = noise(300);
    var packet = ByteBuffer.allocate(40 + payload.length);
    var address = new byte[16];
    packet
        .putInt(6 << 28 | random.nextInt(1 << 20))
        .putShort((short) (random.nextBoolean() ? payload.length : random.nextInt()))
        .put((byte) random.nextInt(256))
        .put((byte) random.nextInt(256));
    random.nextBytes(address);
    packet.put(address);
    random.nextBytes(address);
    return packet.put(address).put(payload).array();
  }

  private byte[] mutated(byte[] frame) {
    var bytes = frame;
    for (int n = random.nextInt(6); n > 0; n--) {
      // Mostly in the headers: payload is nobody's business here.
      int at = random.nextInt(MIN_LENGTH, Math.min(bytes.length, 90) + 1);
      switch (random.nextInt(5)) {
        case 0 -> bytes = Arrays.copyOf(bytes, at);
        case 1 ->
            bytes = Arrays.copyOf(bytes, Math.min(bytes.length + random.nextInt(64), MAX_LENGTH));
        case 2 -> {
          if (at < bytes.length) {
            bytes[at] = (byte) random.nextInt();
          }
        }
        case 3 -> {
          if (at < bytes.length) {
            bytes[at] ^= (byte) (1 << random.nextInt(8));
          }
        }
        default -> {
          int end = Math.min(at + random.nextInt(1, 5), bytes.length);
          Arrays.fill(bytes, Math.min(at, end), end, (byte) (random.nextBoolean() ? 0xFF : 0));
        }
      }
    }
    return random.nextBoolean() ? withChecksums(bytes) : bytes;
  }

  /** Puts the right checksums where the headers, as far as they can be believed, have theirs. */
  private static byte[] withChecksums(byte[] bytes) {
    var frame = ByteBuffer.wrap(bytes);
    if (bytes.length < ETHERNET + IPV4_HEADER || (frame.getShort(12) & 0xFFFF) != IPV4) {
      return bytes;
    }
    int header = 4 * (frame.get(ETHERNET) & 0xF);
    if (header < IPV4_HEADER || ETHERNET + header > bytes.length) {
      return bytes;
    }
    frame.putShort(ETHERNET + 10, (short) 0);
    frame.putShort(ETHERNET + 10, checksum(frame, ETHERNET, ETHERNET + header, 0));

    int transport = ETHERNET + header;
    int end = Math.min(bytes.length, ETHERNET + (frame.getShort(ETHERNET + 2) & 0xFFFF));
    int protocol = frame.get(ETHERNET + 9) & 0xFF;
    int checksumAt =
        transport
            + switch (protocol) {
              case ICMP -> 2;
              case UDP -> 6;
              case TCP -> 16;
              default -> bytes.length;
            };
    if (checksumAt + 2 <= end) {
      long pseudoHeader =
          protocol == ICMP
              ? 0
              : sum(frame, ETHERNET + 12, ETHERNET + 20) + protocol + end - transport;
      frame.putShort(checksumAt, (short) 0);
      frame.putShort(checksumAt, checksum(frame, transport, end, pseudoHeader));
    }
    return bytes;
  }

  private static short checksum(ByteBuffer data, int from, int to, long initial) {
    long sum = initial + sum(data, from, to);
    while (sum > 0xFFFF) {
      sum = (sum & 0xFFFF) + (sum >>> 16);
    }
    return (short) ~sum;
  }

  private static long sum(ByteBuffer data, int from, int to) {
    long sum = 0;
    for (int i = from; i < to; i++) {
      sum += (long) (data.get(i) & 0xFF) << ((i - from) % 2 == 0 ? 8 : 0);
    }
    return sum;
  }
}
