/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Frames by which a guest tries to have its host's kernel answer: every kind of packet that a
 * kernel answers by itself, to every address of the host's, in frames to every MAC address that a
 * kernel may take for its own.
 *
 * <p>A program, to run inside a guest. Arguments: interface, MAC addresses of the host with commas
 * between, addresses of the host, source addresses; the last two of either family. Writes the
 * frames to a packet socket, or the packets alone if the interface is a TUN; prints {@code sent N}.
 */
public final class HostProbe {
  /** In every payload, to be known again. */
  static final byte[] PAYLOAD = "torvtl host probe".getBytes(StandardCharsets.US_ASCII);

  private static final int ECHO = 8, ECHO6 = 128, ROUTER_SOLICITATION = 133, NEIGHBOR = 135;
  private static final int HEADER = 14, ARP = 0x0806;
  private static final int ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58;
  private static final int[] PORTS = {22, 53, 9050, 33_434};
  private static final String[] GROUPS4 = {"224.0.0.1", "224.0.0.251", "255.255.255.255"};
  private static final String[] GROUPS6 = {"ff02::1", "ff02::2", "ff02::fb"};

  private final byte[] ownMac;
  private final List<byte[]> frames = new ArrayList<>();

  private HostProbe(byte[] ownMac) {
    this.ownMac = ownMac;
  }

  public static void main(String[] arguments) throws Throwable {
    var device = NetworkInterface.getByName(arguments[0]);
    boolean isTun = device.getHardwareAddress() == null;
    var probe = new HostProbe(isTun ? new byte[6] : device.getHardwareAddress());
    var macs = isTun ? List.of(new byte[6]) : macs(arguments[1].split(",", -1));
    for (var target : addresses(arguments[2])) {
      for (var source : addresses(arguments[3])) {
        if (target.getAddress().length == source.getAddress().length) {
          for (var mac : macs) {
            probe.to(mac, source.getAddress(), target.getAddress());
          }
        }
      }
    }
    try (var arena = Arena.ofConfined()) {
      var socket = FrameSocket.forSending(arena, device.getIndex(), HostileFrames.MAX_LENGTH);
      int sent = 0;
      for (var frame : probe.frames) {
        if (!isTun) {
          socket.send(frame);
          sent++;
        } else if (ByteBuffer.wrap(frame).getShort(12) != ARP) {
          socket.send(Arrays.copyOfRange(frame, HEADER, frame.length));
          sent++;
        }
      }
      System.out.println("sent " + sent);
    }
  }

  /** The host's own, broadcast, groups of IP, and the sixteen that a bridge keeps for itself. */
  private static List<byte[]> macs(String[] ofHost) {
    var macs = new ArrayList<byte[]>();
    var hex = HexFormat.ofDelimiter(":");
    for (var mac : ofHost) {
      macs.add(hex.parseHex(mac));
    }
    macs.add(hex.parseHex("ff:ff:ff:ff:ff:ff"));
    macs.add(hex.parseHex("01:00:5e:00:00:01"));
    macs.add(hex.parseHex("33:33:00:00:00:01"));
    for (int i = 0; i < 16; i++) {
      macs.add(hex.parseHex("01:80:c2:00:00:%02x".formatted(i)));
    }
    return macs;
  }

  private static List<InetAddress> addresses(String list) throws Exception {
    var addresses = new ArrayList<InetAddress>();
    for (var text : list.split(",", -1)) {
      addresses.add(InetAddress.getByName(text));
    }
    boolean hasIpv6 = addresses.stream().anyMatch(address -> address.getAddress().length == 16);
    for (var group : hasIpv6 ? GROUPS6 : new String[0]) {
      addresses.add(InetAddress.getByName(group));
    }
    for (var group : GROUPS4) {
      addresses.add(InetAddress.getByName(group));
    }
    return addresses;
  }

  private static boolean isGroup(byte[] address) {
    return address[0] == (byte) 0xFF || (address.length == 4 && (address[0] & 0xF0) == 0xE0);
  }

  private void to(byte[] mac, byte[] source, byte[] target) {
    if (isGroup(source)) {
      return;
    }
    boolean isIpv6 = target.length == 16;
    add(mac, source, target, isIpv6 ? ICMP6 : ICMP, icmp(isIpv6 ? ECHO6 : ECHO, 4, PAYLOAD));
    for (int port : PORTS) {
      add(mac, source, target, UDP, udp(port));
      add(mac, source, target, TCP, syn(port));
    }
    if (isIpv6) {
      add(mac, source, target, ICMP6, icmp(ROUTER_SOLICITATION, 4, new byte[0]));
      add(mac, source, target, ICMP6, icmp(NEIGHBOR, 4, target));
    } else {
      frames.add(frame(mac, ARP, arp(source, target)));
    }
  }

  private byte[] frame(byte[] mac, int etherType, byte[] payload) {
    return ByteBuffer.allocate(HEADER + payload.length)
        .put(mac)
        .put(ownMac)
        .putShort((short) etherType)
        .put(payload)
        .array();
  }

  private byte[] arp(byte[] source, byte[] target) {
    return ByteBuffer.allocate(28)
        .putShort((short) 1)
        .putShort((short) 0x0800)
        .put((byte) 6)
        .put((byte) 4)
        .putShort((short) 1)
        .put(ownMac)
        .put(source)
        .put(new byte[6])
        .put(target)
        .array();
  }

  private static byte[] icmp(int type, int restBytes, byte[] payload) {
    return ByteBuffer.allocate(4 + restBytes + payload.length)
        .put((byte) type)
        .position(4 + restBytes)
        .put(payload)
        .array();
  }

  private static byte[] udp(int port) {
    int length = 8 + PAYLOAD.length;
    return ByteBuffer.allocate(length)
        .putShort((short) 40_000)
        .putShort((short) port)
        .putShort((short) length)
        .putShort((short) 0)
        .put(PAYLOAD)
        .array();
  }

  private static byte[] syn(int port) {
    return ByteBuffer.allocate(20)
        .putShort((short) 40_001)
        .putShort((short) port)
        .putInt(1)
        .putInt(0)
        .putShort((short) 0x5002)
        .putShort((short) 65_535)
        .array();
  }

  /** Adds a packet in a frame, with its checksums. */
  private void add(byte[] mac, byte[] source, byte[] target, int protocol, byte[] payload) {
    boolean isIpv6 = target.length == 16;
    int at = protocol == TCP ? 16 : protocol == UDP ? 6 : 2;
    int sum = checksum(protocol == ICMP ? payload : pseudo(source, target, protocol, payload));
    payload[at] = (byte) (sum >>> 8);
    payload[at + 1] = (byte) sum;
    var header =
        isIpv6
            ? ipv6(source, target, protocol, payload.length)
            : ipv4(source, target, protocol, payload.length);
    var packet = new ByteArrayOutputStream();
    packet.writeBytes(header);
    packet.writeBytes(payload);
    frames.add(frame(mac, isIpv6 ? 0x86DD : 0x0800, packet.toByteArray()));
  }

  private static byte[] ipv4(byte[] source, byte[] target, int protocol, int length) {
    var header =
        ByteBuffer.allocate(20)
            .put((byte) 0x45)
            .put((byte) 0)
            .putShort((short) (20 + length))
            .putInt(0)
            .put((byte) 64)
            .put((byte) protocol)
            .putShort((short) 0)
            .put(source)
            .put(target);
    return header.putShort(10, (short) checksum(header.array())).array();
  }

  /** With the hop limit that neighbour discovery wants. RFC 4861, section 7.1.1. */
  private static byte[] ipv6(byte[] source, byte[] target, int protocol, int length) {
    return ByteBuffer.allocate(40)
        .putInt(0x6000_0000)
        .putShort((short) length)
        .put((byte) protocol)
        .put((byte) 255)
        .put(source)
        .put(target)
        .array();
  }

  private static byte[] pseudo(byte[] source, byte[] target, int protocol, byte[] payload) {
    return ByteBuffer.allocate(2 * source.length + 8 + payload.length)
        .put(source)
        .put(target)
        .putInt(payload.length)
        .putInt(protocol)
        .put(payload)
        .array();
  }

  private static int checksum(byte[] bytes) {
    int sum = 0;
    for (int i = 0; i < bytes.length; i++) {
      sum += (bytes[i] & 0xFF) << (i % 2 == 0 ? 8 : 0);
    }
    while (sum > 0xFFFF) {
      sum = (sum & 0xFFFF) + (sum >>> 16);
    }
    return ~sum & 0xFFFF;
  }
}
