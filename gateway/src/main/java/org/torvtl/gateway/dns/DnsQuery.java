/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * A query that deserves a response: its header, and what else of it could be read.
 *
 * @param header of the query
 * @param question null if it could not be read
 * @param opt its EDNS record; null if it has none
 * @param transport how it came
 * @param defect why it cannot be answered; null if it can
 */
record DnsQuery(
    Header header,
    @Nullable Record question,
    @Nullable OPTRecord opt,
    DnsTransport transport,
    @Nullable DnsEvent defect) {
  /** What we can take in a datagram without fragments on any path. */
  static final int OUR_PAYLOAD = 1232;

  private static final int MIN_PAYLOAD = 512;
  private static final int MAX_PAYLOAD = 4096;
  private static final int MAX_MESSAGE = 65535;
  private static final int HEADER = 12,
      FLAGS = 2,
      QDCOUNT = 4,
      ANCOUNT = 6,
      NSCOUNT = 8,
      ARCOUNT = 10;
  private static final int QR = 0x80;

  /** The root, type, class: no question is shorter. */
  private static final int MIN_QUESTION = 5;

  /** The root, type, class, TTL, length: no record is shorter. */
  private static final int MIN_RECORD = 11;

  private static final int DNSSEC_OK = 0x8000;
  private static final int BADVERS = 16;

  /** Whether it is long enough for a header. */
  static boolean hasHeader(ByteBuf message) {
    return message.readableBytes() >= HEADER;
  }

  /** Whether a message that has a header is a response. */
  static boolean isResponse(ByteBuf message) {
    return (message.getByte(message.readerIndex() + FLAGS) & QR) != 0;
  }

  /** Reads a message that has a header; the buffer's reader index does not move. */
  static DnsQuery read(ByteBuf message, DnsTransport transport) {
    var header = header(message);
    if (header.getOpcode() != Opcode.QUERY) {
      return new DnsQuery(header, null, null, transport, DnsEvent.OPCODE_UNKNOWN);
    }
    if (!isPlausible(message)) {
      return new DnsQuery(header, null, null, transport, DnsEvent.MALFORMED);
    }
    Message parsed;
    try {
      var bytes = ByteBuffer.wrap(ByteBufUtil.getBytes(message));
      parsed = new Message(bytes);
      if (bytes.hasRemaining()) {
        return new DnsQuery(header, null, null, transport, DnsEvent.MALFORMED);
      }
    } catch (IOException | RuntimeException e) {
      // The parser meets hostile bytes here and has many ways to say so; all mean the same.
      return new DnsQuery(header, null, null, transport, DnsEvent.MALFORMED);
    }
    var question = parsed.getQuestion();
    var opts =
        parsed.getSection(Section.ADDITIONAL).stream()
            .filter(r -> r.getType() == Type.OPT)
            .toList();
    var opt = parsed.getOPT();
    if (opts.size() > 1 || (opt != null && !opt.getName().equals(Name.root))) {
      return new DnsQuery(header, question, null, transport, DnsEvent.MALFORMED);
    }
    boolean badVersion = opt != null && opt.getVersion() != 0;
    return new DnsQuery(
        header, question, opt, transport, badVersion ? DnsEvent.EDNS_VERSION_UNKNOWN : null);
  }

  private static Header header(ByteBuf message) {
    try {
      return new Header(ByteBufUtil.getBytes(message, message.readerIndex(), HEADER));
    } catch (IOException e) {
      throw new IllegalArgumentException("a message without a header", e);
    }
  }

  /**
   * Whether it has one question and no more records than bytes for them: the parser reserves memory
   * for as many as the header says.
   */
  private static boolean isPlausible(ByteBuf message) {
    int at = message.readerIndex();
    int records =
        message.getUnsignedShort(at + ANCOUNT)
            + message.getUnsignedShort(at + NSCOUNT)
            + message.getUnsignedShort(at + ARCOUNT);
    return message.getUnsignedShort(at + QDCOUNT) == 1
        && message.readableBytes() >= HEADER + MIN_QUESTION + (long) records * MIN_RECORD;
  }

  /** A response, and whether it had to be cut. */
  record Response(ByteBuf bytes, boolean truncated) {}

  /**
   * The response.
   *
   * @param rcode a plain one, as {@link Rcode#NXDOMAIN}, or BADVERS
   * @param answer the one record, if any
   */
  Response respond(int rcode, @Nullable Record answer) {
    var response = new Message(header.getID());
    var flags = response.getHeader();
    flags.setOpcode(header.getOpcode());
    flags.setFlag(Flags.QR);
    flags.setFlag(Flags.RA);
    copy(Flags.RD, flags);
    copy(Flags.CD, flags);
    flags.setRcode(rcode & 0xF);
    if (question != null) {
      response.addRecord(question, Section.QUESTION);
    }
    if (answer != null) {
      response.addRecord(answer, Section.ANSWER);
    }
    if (opt != null) {
      response.addRecord(
          new OPTRecord(OUR_PAYLOAD, rcode >> 4, 0, opt.getFlags() & DNSSEC_OK),
          Section.ADDITIONAL);
    }
    byte[] bytes = response.toWire(maxBytes());
    boolean truncated = (bytes[FLAGS] & 0x02) != 0;
    return new Response(Unpooled.wrappedBuffer(bytes), truncated);
  }

  /** The response to a query with a {@link #defect}, or to one that is settled without asking. */
  static int rcode(DnsEvent reason) {
    return switch (reason) {
      case MALFORMED -> Rcode.FORMERR;
      case OPCODE_UNKNOWN -> Rcode.NOTIMP;
      case EDNS_VERSION_UNKNOWN -> BADVERS;
      case CLASS_REFUSED -> Rcode.REFUSED;
      case NAME_INVALID, NAME_ONION, NAME_UNKNOWN -> Rcode.NXDOMAIN;
      case TYPE_EMPTY, FAMILY_EMPTY, ANSWERED -> Rcode.NOERROR;
      case OVERLOADED, EVICTED, LOOKUP_FAILED, LOOKUP_TIMED_OUT, ANSWER_INVALID -> Rcode.SERVFAIL;
      case DROPPED_TRUNCATED, DROPPED_RESPONSE, COALESCED, TRUNCATED ->
          throw new IllegalArgumentException("not an outcome with a response: " + reason);
    };
  }

  private int maxBytes() {
    if (transport == DnsTransport.TCP) {
      return MAX_MESSAGE;
    }
    return opt == null ? MIN_PAYLOAD : Math.clamp(opt.getPayloadSize(), MIN_PAYLOAD, MAX_PAYLOAD);
  }

  private void copy(int flag, Header to) {
    if (header.getFlag(flag)) {
      to.setFlag(flag);
    }
  }
}
