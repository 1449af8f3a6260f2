/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * For each protocol, the packet that costs the gateway most for what it costs a guest to send. Each
 * is a stream of frames: as one packet may take many, and some cost more if no two are alike.
 */
public enum WorstPacket {
  /** No packet at all, to compare with. */
  NONE("none"),
  /** A request for an address, another one each time. */
  ARP("ARP request"),
  /** A segment of no connection whose checksum is wrong, as long as a frame can be. */
  MALFORMED("TCP, wrong checksum"),
  /** A protocol that is not carried, with all the options a header can have. */
  OPTIONS("IPv4, 40 bytes of options"),
  /** Eight bytes at the end of a long packet, whose beginning never comes; keys hash alike. */
  FRAGMENT("IPv4, one tiny fragment"),
  /** A packet of 65 kB for a closed port, in fragments of eight bytes. */
  FRAGMENTS("IPv4, 65 kB in tiny fragments"),
  /** A ping as long as a frame can be. */
  ECHO("ICMP echo"),
  /** A ping of 65 kB, which comes and goes in 45 fragments. */
  LONG_ECHO("ICMP echo of 65 kB"),
  /** A datagram to a port that nobody listens on, as long as a frame can be. */
  UDP("UDP, refused"),
  /** A segment of no connection, with all the options a header can have. */
  NO_CONNECTION("TCP, no connection"),
  /** A request for a connection, from another port each time. */
  SYN("TCP request"),
  /** A byte that is out of an open connection's window. */
  REPEATED("TCP, byte out of window"),
  /** A query for a name of 126 labels, answered at once: the last is a number. */
  DNS_LABELS("DNS, 126 labels"),
  /** A query for an address of a name, another one each time. */
  DNS_LOOKUP("DNS, another name"),
  /** 65 kB of compression pointers and records, in 45 fragments. */
  DNS_POINTERS("DNS, 65 kB of pointers");

  /** The gateway's address, and one far away. */
  private static final int GATEWAY_ADDRESS = 0x0A000001, REMOTE_ADDRESS = 0xC0000207;

  /** Of no guest's kernel, so that none answers what comes back. */
  private static final int GUEST_ADDRESS = 0x0A000063;

  private static final int ETHERNET = 14, IPV4_HEADER = 20, MAX_HEADER = 60, MTU = 1500;
  private static final int TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806;
  private static final int ICMP = 1, TCP = 6, UDP_PROTOCOL = 17, SCTP = 132;
  private static final int MORE_FRAGMENTS = 0x2000;
  private static final int LONG_PAYLOAD = 65_500, FRAGMENT_PAYLOAD = 1480;
  private static final int DNS_PORT = 53, CLOSED_PORT = 9;

  /** Others than those of lookups, behind which their responses would have to wait. */
  private static final int LABELS_ID = 0xBEEF, POINTERS_ID = 0xBEF0;

  private static final int SYN_FLAG = 0x02, ACK_FLAG = 0x10;

  /**
   * Fields of an IPv4 header.
   *
   * @param fragment flags and offset, as on the wire, 16 bits
   * @param optionBytes of options, each of them a NOP
   */
  private record Ipv4Header(
      int from, int to, int protocol, int identification, int fragment, int optionBytes) {
    /** From the guest to the remote host, whole and without options. */
    static Ipv4Header of(int protocol, int identification) {
      return new Ipv4Header(GUEST_ADDRESS, REMOTE_ADDRESS, protocol, identification, 0, 0);
    }

    Ipv4Header withFrom(int address) {
      return new Ipv4Header(address, to, protocol, identification, fragment, optionBytes);
    }

    Ipv4Header withTo(int address) {
      return new Ipv4Header(from, address, protocol, identification, fragment, optionBytes);
    }

    Ipv4Header withFragment(int flagsAndOffset) {
      return new Ipv4Header(from, to, protocol, identification, flagsAndOffset, optionBytes);
    }

    Ipv4Header withOptions(int bytes) {
      return new Ipv4Header(from, to, protocol, identification, fragment, bytes);
    }
  }

  private final String title;

  WorstPacket(String title) {
    this.title = title;
  }

  /** What it is, for a report. */
  public String title() {
    return title;
  }

  /**
   * The first frames of the stream.
   *
   * @param source MAC address they come from, 6 bytes
   * @param gateway MAC address of the gateway, 6 bytes
   */
  public byte[][] frames(byte[] source, byte[] gateway, int count) {
    return frames(source, gateway, GUEST_ADDRESS, 4000, count);
  }

  /**
   * The same, for {@link #REPEATED} on a connection to port 80 of 192.0.2.7.
   *
   * @param guestAddress IPv4 address of the guest's end, network byte order
   * @param guestPort its port
   */
  public byte[][] frames(
      byte[] source, byte[] gateway, int guestAddress, int guestPort, int count) {
    byte[] whole =
        switch (this) {
          case FRAGMENTS -> udp(CLOSED_PORT, LONG_PAYLOAD);
          case LONG_ECHO -> echo(LONG_PAYLOAD);
          case DNS_POINTERS -> dns(POINTERS_ID, name(0), 3_401, pointers());
          default -> new byte[0];
        };
    int each = this == FRAGMENTS ? 8 : FRAGMENT_PAYLOAD;
    var frames = new byte[this == NONE ? 0 : count][];
    for (int i = 0; i < frames.length; i++) {
      frames[i] =
          whole.length > 0
              ? fragment(source, gateway, whole, each, i)
              : frame(source, gateway, guestAddress, guestPort, i);
    }
    return frames;
  }

  /** Frames that one packet takes. */
  public int framesPerPacket() {
    return switch (this) {
      case FRAGMENTS -> (LONG_PAYLOAD + 7) / 8;
      case LONG_ECHO, DNS_POINTERS -> LONG_PAYLOAD / FRAGMENT_PAYLOAD + 1;
      default -> 1;
    };
  }

  private byte[] frame(byte[] source, byte[] gateway, int guestAddress, int guestPort, int number) {
    return switch (this) {
      case ARP -> arp(source, number);
      case MALFORMED -> {
        var segment = tcp(number, 80, number, ACK_FLAG, 0, MTU - 2 * IPV4_HEADER);
        segment[16] ^= 1;
        yield ipv4(source, gateway, Ipv4Header.of(TCP, number), segment);
      }
      case OPTIONS ->
          ipv4(source, gateway, Ipv4Header.of(SCTP, number).withOptions(40), new byte[1440]);
      case FRAGMENT -> {
        int k = number & 0xFFFFF;
        var header =
            Ipv4Header.of(UDP_PROTOCOL, 1)
                .withFrom(GUEST_ADDRESS + k)
                .withTo(REMOTE_ADDRESS - 31 * k)
                .withFragment(MORE_FRAGMENTS | 65_000 / 8);
        yield ipv4(source, gateway, header, new byte[8]);
      }
      case ECHO ->
          ipv4(source, gateway, Ipv4Header.of(ICMP, number).withTo(GATEWAY_ADDRESS), echo(1472));
      case UDP -> udpFrame(source, gateway, number, udp(CLOSED_PORT, 1472));
      case NO_CONNECTION -> {
        var segment = tcp(number, 80, number, ACK_FLAG, 40, 1400);
        yield ipv4(source, gateway, Ipv4Header.of(TCP, number), segment);
      }
      case SYN -> {
        var segment = tcp(number, 80, number, SYN_FLAG, 40, 0);
        yield ipv4(source, gateway, Ipv4Header.of(TCP, number), segment);
      }
      case REPEATED -> {
        var segment = tcp(guestAddress, guestPort, 80, number * 65_537, ACK_FLAG, 0, 1);
        yield ipv4(source, gateway, Ipv4Header.of(TCP, number).withFrom(guestAddress), segment);
      }
      case DNS_LABELS ->
          udpFrame(source, gateway, number, dns(LABELS_ID, labels(), 0, new byte[0]));
      case DNS_LOOKUP ->
          udpFrame(source, gateway, number, dns(number, name(number), 0, new byte[0]));
      case NONE, FRAGMENTS, LONG_ECHO, DNS_POINTERS ->
          throw new IllegalStateException("no packet of one frame: " + this);
    };
  }

  private byte[] fragment(byte[] source, byte[] gateway, byte[] whole, int each, int number) {
    int count = (whole.length + each - 1) / each;
    int from = number % count * each;
    int to = Math.min(from + each, whole.length);
    int protocol = this == LONG_ECHO ? ICMP : UDP_PROTOCOL;
    int destination = this == LONG_ECHO ? GATEWAY_ADDRESS : REMOTE_ADDRESS;
    int offset = from / 8 | (to < whole.length ? MORE_FRAGMENTS : 0);
    var part = Arrays.copyOfRange(whole, from, to);
    var header = Ipv4Header.of(protocol, number / count).withTo(destination).withFragment(offset);
    return ipv4(source, gateway, header, part);
  }

  private static byte[] udpFrame(byte[] source, byte[] gateway, int number, byte[] datagram) {
    return ipv4(source, gateway, Ipv4Header.of(UDP_PROTOCOL, number), datagram);
  }

  private static byte[] arp(byte[] source, int number) {
    var broadcast = new byte[6];
    Arrays.fill(broadcast, (byte) 0xFF);
    var frame = ByteBuffer.allocate(ETHERNET + 28);
    ethernet(frame, source, broadcast, TYPE_ARP)
        .putShort((short) 1)
        .putShort((short) TYPE_IPV4)
        .putShort((short) 0x0604)
        .putShort((short) 1)
        .put(source)
        .putInt(GUEST_ADDRESS)
        .put(new byte[6])
        .putInt(REMOTE_ADDRESS + number);
    return frame.array();
  }

  private static ByteBuffer ethernet(
      ByteBuffer frame, byte[] source, byte[] destination, int type) {
    return frame.put(destination).put(source).putShort((short) type);
  }

  private static byte[] ipv4(byte[] source, byte[] gateway, Ipv4Header header, byte[] payload) {
    int headerLength = Math.min(IPV4_HEADER + header.optionBytes, MAX_HEADER);
    var frame = ByteBuffer.allocate(ETHERNET + headerLength + payload.length);
    ethernet(frame, source, gateway, TYPE_IPV4);
    frame.put((byte) (0x40 | headerLength / 4)).put((byte) 0);
    frame.putShort((short) (headerLength + payload.length));
    frame.putShort((short) header.identification).putShort((short) header.fragment);
    frame.put((byte) 64).put((byte) header.protocol).putShort((short) 0);
    frame.putInt(header.from).putInt(header.to);
    for (int i = IPV4_HEADER; i < headerLength; i++) {
      frame.put((byte) 1);
    }
    frame.putShort(ETHERNET + 10, (short) checksum(frame, ETHERNET, headerLength, 0));
    frame.put(payload);
    return frame.array();
  }

  private static byte[] echo(int length) {
    var message = ByteBuffer.allocate(length);
    message.put((byte) 8).putShort(2, (short) checksum(message, 0, length, 0));
    return message.array();
  }

  private static byte[] udp(int port, int length) {
    return udp(port, new byte[length - 8]);
  }

  private static byte[] udp(int port, byte[] payload) {
    int length = 8 + payload.length;
    var datagram = ByteBuffer.allocate(length).putShort((short) 4000).putShort((short) port);
    datagram.putShort((short) length).putShort((short) 0).put(payload);
    int checksum =
        checksum(datagram, 0, length, pseudo(GUEST_ADDRESS, REMOTE_ADDRESS, UDP_PROTOCOL, length));
    return datagram.putShort(6, (short) (checksum == 0 ? 0xFFFF : checksum)).array();
  }

  private static byte[] tcp(
      int guestPort, int port, int sequence, int flags, int options, int payload) {
    return tcp(GUEST_ADDRESS, guestPort, port, sequence, flags, options, payload);
  }

  private static byte[] tcp(
      int address, int guestPort, int port, int sequence, int flags, int options, int payload) {
    int header = 20 + options;
    var segment = ByteBuffer.allocate(header + payload);
    segment.putShort((short) guestPort).putShort((short) port).putInt(sequence).putInt(sequence);
    segment.put((byte) (header / 4 << 4)).put((byte) flags).putShort((short) 0xFFFF).putInt(0);
    if (options > 0) {
      // A segment size, then NOPs: each is an option of its own.
      segment.putInt(flags == SYN_FLAG ? 0x020405B4 : 0x01010101);
      for (int i = 4; i < options; i++) {
        segment.put((byte) 1);
      }
    }
    int length = segment.capacity();
    return segment
        .putShort(
            16, (short) checksum(segment, 0, length, pseudo(address, REMOTE_ADDRESS, TCP, length)))
        .array();
  }

  private static byte[] dns(int id, byte[] question, int records, byte[] more) {
    var message = ByteBuffer.allocate(12 + question.length + more.length);
    message.putShort((short) id).putShort((short) 0x0100).putShort((short) 1);
    message.putShort((short) records).putInt(0).put(question).put(more);
    return udp(DNS_PORT, message.array());
  }

  private static byte[] labels() {
    var question = ByteBuffer.allocate(126 * 2 + 5);
    for (int i = 0; i < 125; i++) {
      question.put((byte) 1).put((byte) ('a' + i % 26));
    }
    question.put((byte) 1).put((byte) '7');
    return question.put((byte) 0).putShort((short) 16).putShort((short) 1).array();
  }

  private static byte[] name(int number) {
    var label = "n%08x".formatted(number).getBytes(StandardCharsets.US_ASCII);
    var question = ByteBuffer.allocate(1 + label.length + 9 + 4);
    question.put((byte) label.length).put(label).put((byte) 7);
    question.put("example".getBytes(StandardCharsets.US_ASCII)).put((byte) 0);
    return question.putShort((short) 1).putShort((short) 1).array();
  }

  /** A record of 8,000 pointers, each to the one before, and 3,400 CNAMEs to the last. */
  private static byte[] pointers() {
    final int start = 12 + name(0).length + 12, chain = 8_000, names = 3_400;
    var records = ByteBuffer.allocate(12 + 2 * chain + 14 * names);
    records.putShort((short) 0xC00C).putShort((short) 0xFE00).putShort((short) 1).putInt(0);
    records.putShort((short) (2 * chain)).putShort((short) 0xC00C);
    for (int i = 1; i < chain; i++) {
      records.putShort((short) (0xC000 | start + 2 * (i - 1)));
    }
    short last = (short) (0xC000 | start + 2 * (chain - 1));
    for (int i = 0; i < names; i++) {
      records.putShort(last).putShort((short) 5).putShort((short) 1).putInt(0);
      records.putShort((short) 2).putShort(last);
    }
    return records.array();
  }

  private static long pseudo(int from, int to, int protocol, int length) {
    return (from >>> 16) + (from & 0xFFFFL) + (to >>> 16) + (to & 0xFFFFL) + protocol + length;
  }

  private static int checksum(ByteBuffer bytes, int offset, int length, long start) {
    long sum = start;
    for (int i = 0; i < length; i++) {
      int octet = bytes.get(offset + i) & 0xFF;
      sum += i % 2 == 0 ? octet << 8 : octet;
    }
    while (sum >>> 16 != 0) {
      sum = (sum & 0xFFFF) + (sum >>> 16);
    }
    return (int) ~sum & 0xFFFF;
  }
}
