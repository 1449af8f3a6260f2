/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What matters of a captured packet for the question where it came from and where it went.
 *
 * @param linkIndex the kernel's number of the interface; 0 if the capture was of one interface only
 * @param hardwareSource the sender's hardware address as {@code ip link} prints it
 * @param etherType protocol above the link
 * @param source network or ARP sender's address; empty for other protocols
 * @param destination network or ARP target's address; empty for other protocols
 * @param protocol IP protocol, of IPv6 the first next header; -1 for other protocols
 * @param sourcePort -1 for what is not TCP or UDP, and for fragments but the first
 * @param destinationPort likewise
 */
public record CapturedPacket(
    int linkIndex,
    String hardwareSource,
    int etherType,
    String source,
    String destination,
    int protocol,
    int sourcePort,
    int destinationPort) {
  public static final int IPV4 = 0x0800;
  public static final int ARP = 0x0806;
  public static final int IPV6 = 0x86DD;
  public static final int ICMP = 1;
  public static final int TCP = 6;
  public static final int UDP = 17;
  public static final int ICMPV6 = 58;

  /** The packet behind a link header: {@code data} from its position on, as far as captured. */
  static CapturedPacket parse(int linkIndex, byte[] hardwareSource, int etherType, ByteBuffer data)
      throws UnknownHostException {
    var mac = hardwareAddress(hardwareSource);
    int at = data.position();
    int have = data.remaining();
    if (etherType == ARP && have >= 28) {
      return new CapturedPacket(
          linkIndex, mac, ARP, address(data, at + 14, 4), address(data, at + 24, 4), -1, -1, -1);
    }
    if (etherType == IPV4 && have >= 20) {
      int protocol = data.get(at + 9) & 0xFF;
      boolean hasPorts = (data.getShort(at + 6) & 0x1FFF) == 0;
      return withPorts(
          new CapturedPacket(
              linkIndex,
              mac,
              IPV4,
              address(data, at + 12, 4),
              address(data, at + 16, 4),
              protocol,
              -1,
              -1),
          hasPorts ? at + 4 * (data.get(at) & 0xF) : -1,
          data);
    }
    if (etherType == IPV6 && have >= 40) {
      return withPorts(
          new CapturedPacket(
              linkIndex,
              mac,
              IPV6,
              address(data, at + 8, 16),
              address(data, at + 24, 16),
              // MLD reports come behind a hop-by-hop header, RFC 3810.
              data.get(at + 6) == 0 && have > 40
                  ? data.get(at + 40) & 0xFF
                  : data.get(at + 6) & 0xFF,
              -1,
              -1),
          at + 40,
          data);
    }
    return new CapturedPacket(linkIndex, mac, etherType, "", "", -1, -1, -1);
  }

  private static CapturedPacket withPorts(CapturedPacket packet, int portsAt, ByteBuffer data) {
    if (portsAt < 0
        || portsAt + 4 > data.limit()
        || (packet.protocol != TCP && packet.protocol != UDP)) {
      return packet;
    }
    return new CapturedPacket(
        packet.linkIndex,
        packet.hardwareSource,
        packet.etherType,
        packet.source,
        packet.destination,
        packet.protocol,
        data.getShort(portsAt) & 0xFFFF,
        data.getShort(portsAt + 2) & 0xFFFF);
  }

  private static String address(ByteBuffer data, int at, int length) throws UnknownHostException {
    var bytes = new byte[length];
    data.get(at, bytes);
    return text(InetAddress.getByAddress(bytes));
  }

  private static String text(InetAddress address) {
    return address.getHostAddress();
  }

  private static String hardwareAddress(byte[] address) {
    var bytes = new Byte[address.length];
    Arrays.setAll(bytes, i -> address[i]);
    return Arrays.stream(bytes).map("%02x"::formatted).collect(Collectors.joining(":"));
  }

  /** An IPv6 address in the spelling of this class, from that of {@code ip address}. */
  static String spelled(String address) throws UnknownHostException {
    return text(InetAddress.getByName(address));
  }

  boolean isBetween(Set<String> addresses) {
    return addresses.contains(source) && addresses.contains(destination);
  }

  boolean involvesPort(Set<Integer> ports) {
    return ports.contains(sourcePort) || ports.contains(destinationPort);
  }
}
