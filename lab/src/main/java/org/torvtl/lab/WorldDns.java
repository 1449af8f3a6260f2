/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.PTRRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.ReverseMap;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * The name server of the lab's world, over UDP: the names it is given, both ways; no others exist.
 * RFC 1035.
 */
final class WorldDns implements AutoCloseable {
  private static final long TTL_SECONDS = 60;

  private final DatagramSocket socket;
  private final Map<Name, List<InetAddress>> addresses = new LinkedHashMap<>();
  private final Map<Name, Name> names = new LinkedHashMap<>();

  private WorldDns(DatagramSocket socket) {
    this.socket = socket;
  }

  /**
   * Starts to answer.
   *
   * @param names host names with their addresses, of either family; the first name of an address is
   *     what its PTR record says. The first label {@code *} stands for any one: RFC 4592
   */
  static WorldDns open(InetSocketAddress at, Map<String, List<InetAddress>> names)
      throws IOException {
    var dns = new WorldDns(new DatagramSocket(at));
    for (var entry : names.entrySet()) {
      var name = Name.fromString(entry.getKey().toLowerCase(Locale.ROOT) + ".");
      dns.addresses.put(name, entry.getValue());
      for (var address : entry.getValue()) {
        if (!name.isWild()) {
          dns.names.putIfAbsent(ReverseMap.fromAddress(address), name);
        }
      }
    }
    Thread.ofPlatform().daemon().name("world-dns").start(dns::serve);
    return dns;
  }

  InetSocketAddress address() {
    return (InetSocketAddress) socket.getLocalSocketAddress();
  }

  @Override
  public void close() {
    socket.close();
  }

  private void serve() {
    var buffer = new byte[4096];
    while (!socket.isClosed()) {
      try {
        var packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        byte[] answer = answer(Arrays.copyOf(buffer, packet.getLength()));
        if (answer != null) {
          socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
        }
      } catch (SocketException e) {
        if (!socket.isClosed()) {
          System.err.println("dns: " + e);
        }
      } catch (IOException e) {
        System.err.println("dns: " + e);
      }
    }
  }

  /** The answer to a datagram; null where there is none to give. */
  byte @Nullable [] answer(byte[] query) {
    Message question;
    try {
      question = new Message(query);
    } catch (IOException e) {
      return query.length < Header.LENGTH ? null : formatError(query);
    }
    if (question.getHeader().getFlag(Flags.QR)) {
      return null;
    }
    var answer = new Message(question.getHeader().getID());
    answer.getHeader().setFlag(Flags.QR);
    answer.getHeader().setFlag(Flags.AA);
    if (question.getHeader().getFlag(Flags.RD)) {
      answer.getHeader().setFlag(Flags.RD);
      answer.getHeader().setFlag(Flags.RA);
    }
    answer.getHeader().setOpcode(question.getHeader().getOpcode());
    Record asked = question.getQuestion();
    if (asked == null) {
      answer.getHeader().setRcode(Rcode.FORMERR);
    } else if (question.getHeader().getOpcode() != Opcode.QUERY) {
      answer.getHeader().setRcode(Rcode.NOTIMP);
    } else {
      // As it was asked, upper and lower case included: tor's exits check that.
      answer.addRecord(asked, Section.QUESTION);
      lookUp(asked, answer);
    }
    return answer.toWire();
  }

  private void lookUp(Record asked, Message answer) {
    var name = asked.getName();
    var pointer = names.get(name);
    var known = addresses.get(addresses.containsKey(name) ? name : name.wild(1));
    boolean any = asked.getType() == Type.ANY;
    for (var address : known == null ? List.<InetAddress>of() : known) {
      var record = addressRecord(name, address);
      if (any || asked.getType() == record.getType()) {
        answer.addRecord(record, Section.ANSWER);
      }
    }
    if (pointer != null && (any || asked.getType() == Type.PTR)) {
      answer.addRecord(new PTRRecord(name, DClass.IN, TTL_SECONDS, pointer), Section.ANSWER);
    }
    if (answer.getSection(Section.ANSWER).isEmpty()) {
      if (known == null && pointer == null) {
        answer.getHeader().setRcode(Rcode.NXDOMAIN);
      }
      var root = Name.root;
      answer.addRecord(
          new SOARecord(root, DClass.IN, TTL_SECONDS, root, root, 1, 3600, 600, 86400, TTL_SECONDS),
          Section.AUTHORITY);
    }
  }

  private static Record addressRecord(Name name, InetAddress address) {
    return address instanceof Inet4Address
        ? new ARecord(name, DClass.IN, TTL_SECONDS, address)
        : new AAAARecord(name, DClass.IN, TTL_SECONDS, address);
  }

  private static byte[] formatError(byte[] query) {
    var header = new Header((query[0] & 0xFF) << 8 | (query[1] & 0xFF));
    header.setFlag(Flags.QR);
    header.setRcode(Rcode.FORMERR);
    return header.toWire();
  }
}
