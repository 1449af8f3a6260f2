/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * A query that deserves a response, read in one pass over its bytes: one question without
 * compression pointers and at most one OPT record. Any other record is refused unread, so the cost
 * of a query is bounded by the length of one name, whatever a guest sends. RFC 1035, section 4.1;
 * RFC 6891, section 6.1.
 *
 * <p>The content of the OPT record, such as a cookie, is skipped: RFC 7873, section 5.2, lets a
 * server ignore the option. TSIG (RFC 8945) and SIG(0) (RFC 2931) are further records, and refused.
 */
final class DnsQuery {
  /** Bytes of the longest query that is read. One with a question and cookies has some 300. */
  static final int MAX_LENGTH = 4096;

  /** Bytes of the longest name, with its root label. RFC 1035, section 2.3.4. */
  static final int MAX_NAME = 255;

  /** Bytes of UDP payload that pass without fragments on any path; the response says so. */
  private static final int OUR_PAYLOAD = 1232;

  /** Bytes of a header. */
  static final int HEADER = 12;

  private static final int FLAGS = 2, QDCOUNT = 4, ANCOUNT = 6, ARCOUNT = 10;
  private static final int QR = 0x8000, OPCODE = 0x7800, RD = 0x0100, RA = 0x0080, CD = 0x0010;
  private static final int MAX_LABEL = 63;

  /** Type and class. */
  private static final int QUESTION_TAIL = 4;

  private static final int CLASS_IN = 1, TYPE_OPT = 41;

  /** Offsets in an OPT record, whose name is the root. */
  private static final int OPT_TYPE = 1, OPT_VERSION = 6, OPT_FLAGS = 7, OPT_LENGTH = 9;

  private static final int OPT_HEADER = 11, DNSSEC_OK = 0x8000;

  /** A name that stands at the question's place. RFC 1035, section 4.1.4. */
  private static final int POINTER_TO_QUESTION = 0xC000 | HEADER;

  private static final int RECORD_HEADER = 12;

  /** Of an SOA record of the root, whose server and mailbox are the root: five numbers. */
  private static final int SOA_DATA_LENGTH = 22, SOA_LENGTH = 1 + 10 + SOA_DATA_LENGTH;

  private static final int NO_ERROR = 0, NX_DOMAIN = 3;
  private static final byte[] UNREAD = {};

  private final int id;
  private final int flags;
  private final byte[] question;
  private final boolean edns;
  private final boolean dnssecOk;
  private final @Nullable DnsEvent defect;

  private DnsQuery(
      int id,
      int flags,
      byte[] question,
      boolean edns,
      boolean dnssecOk,
      @Nullable DnsEvent defect) {
    this.id = id;
    this.flags = flags;
    this.question = question;
    this.edns = edns;
    this.dnssecOk = dnssecOk;
    this.defect = defect;
  }

  /** As in the header, 16 bits. */
  int id() {
    return id;
  }

  /** The question's bytes as they came: name, type and class; empty if it was not read. */
  byte[] question() {
    return question;
  }

  /** Whether a record of this type answers the question, or is one that does. RFC 8482. */
  boolean asksFor(int type) {
    int asked = (question[question.length - 4] & 0xFF) << 8 | question[question.length - 3] & 0xFF;
    return asked == type || asked == DnsRecord.ANY;
  }

  /** Whether the query has an OPT record; then the response has one too. RFC 6891. */
  boolean hasEdns() {
    return edns;
  }

  /** Why the query cannot be answered; {@code null} if it can. */
  @Nullable DnsEvent defect() {
    return defect;
  }

  /** Whether it is long enough for a header. */
  static boolean hasHeader(ByteBuf message) {
    return message.readableBytes() >= HEADER;
  }

  /** Whether a message that has a header is a response. */
  static boolean isResponse(ByteBuf message) {
    return (message.getUnsignedShort(message.readerIndex() + FLAGS) & QR) != 0;
  }

  /** Reads a message that has a header; the buffer's reader index does not move. */
  static DnsQuery read(ByteBuf message) {
    int start = message.readerIndex();
    int flags = message.getUnsignedShort(start + FLAGS);
    int additional = message.getUnsignedShort(start + ARCOUNT);
    if ((flags & OPCODE) != 0) {
      return defective(message, DnsEvent.OPCODE_UNKNOWN);
    }
    if (message.readableBytes() > MAX_LENGTH) {
      return defective(message, DnsEvent.TOO_LONG);
    }
    if (message.getUnsignedShort(start + QDCOUNT) != 1) {
      return defective(message, DnsEvent.MALFORMED);
    }
    if (message.getInt(start + ANCOUNT) != 0 || additional > 1) {
      // The count of authority records is the lower half of that.
      return defective(message, DnsEvent.EXTRA_RECORDS);
    }
    int at = start + HEADER;
    int end = nameEnd(message, at) + QUESTION_TAIL;
    if (end < at || end > message.writerIndex()) {
      return defective(message, DnsEvent.MALFORMED);
    }
    var question = new byte[end - at];
    message.getBytes(at, question);
    if (additional == 0) {
      boolean whole = end == message.writerIndex();
      return new DnsQuery(
          message.getUnsignedShort(start),
          flags,
          whole ? question : UNREAD,
          false,
          false,
          whole ? null : DnsEvent.MALFORMED);
    }
    return withOpt(message, flags, question, end);
  }

  /** The query whose additional record, at {@code opt}, is the last. */
  private static DnsQuery withOpt(ByteBuf message, int flags, byte[] question, int opt) {
    int left = message.writerIndex() - opt;
    if (left < OPT_HEADER || message.getByte(opt) != 0) {
      return defective(message, DnsEvent.MALFORMED);
    }
    if (message.getUnsignedShort(opt + OPT_TYPE) != TYPE_OPT) {
      return defective(message, DnsEvent.EXTRA_RECORDS);
    }
    if (message.getUnsignedShort(opt + OPT_LENGTH) != left - OPT_HEADER) {
      return defective(message, DnsEvent.MALFORMED);
    }
    return new DnsQuery(
        message.getUnsignedShort(message.readerIndex()),
        flags,
        question,
        true,
        (message.getUnsignedShort(opt + OPT_FLAGS) & DNSSEC_OK) != 0,
        message.getByte(opt + OPT_VERSION) == 0 ? null : DnsEvent.EDNS_VERSION_UNKNOWN);
  }

  private static DnsQuery defective(ByteBuf message, DnsEvent defect) {
    int start = message.readerIndex();
    return new DnsQuery(
        message.getUnsignedShort(start),
        message.getUnsignedShort(start + FLAGS),
        UNREAD,
        false,
        false,
        defect);
  }

  /**
   * Where the name at {@code from} ends; a large negative number if it has no end, or a pointer.
   */
  private static int nameEnd(ByteBuf message, int from) {
    int limit = Math.min(message.writerIndex(), from + MAX_NAME);
    int at = from;
    while (at < limit) {
      int label = message.getUnsignedByte(at);
      at++;
      if (label == 0) {
        return at;
      }
      if (label > MAX_LABEL) {
        break;
      }
      at += label;
    }
    return Integer.MIN_VALUE;
  }

  /**
   * The response: the question's bytes as they came, so that the case of its letters is the
   * guest's, and at most one record of the question's name, or the SOA of a negative answer. It has
   * no more than 512 bytes, which every guest takes: a name that has a pointer is short, as is the
   * record of a long name.
   *
   * @param outcome what became of the query
   * @param answer the one record, if any
   */
  ByteBuf respond(DnsEvent outcome, @Nullable DnsRecord answer) {
    int rcode = rcode(outcome);
    int length = HEADER + question.length;
    length += answer == null ? 0 : RECORD_HEADER + answer.data().length;
    boolean negative = answer == null && isNegative(rcode);
    length += negative ? SOA_LENGTH : 0;
    length += edns ? OPT_HEADER : 0;
    var response = Unpooled.buffer(length, length);
    response.writeShort(id);
    response.writeShort(QR | RA | flags & (OPCODE | RD | CD) | rcode & 0xF);
    response.writeShort(question.length == 0 ? 0 : 1);
    response.writeShort(answer == null ? 0 : 1);
    response.writeShort(negative ? 1 : 0);
    response.writeShort(edns ? 1 : 0);
    response.writeBytes(question);
    if (answer != null) {
      response.writeShort(POINTER_TO_QUESTION);
      response.writeShort(answer.type());
      response.writeShort(CLASS_IN);
      response.writeInt(DnsService.TTL_SECONDS);
      response.writeShort(answer.data().length);
      response.writeBytes(answer.data());
    }
    if (negative) {
      writeSoa(response, outcome);
    }
    if (edns) {
      response.writeByte(0);
      response.writeShort(TYPE_OPT);
      response.writeShort(OUR_PAYLOAD);
      response.writeByte(rcode >> 4);
      response.writeByte(0);
      response.writeShort(dnssecOk ? DNSSEC_OK : 0);
      response.writeShort(0);
    }
    return response;
  }

  /** Whether it says that something is not there: a guest may remember that. RFC 2308. */
  private static boolean isNegative(int rcode) {
    return rcode == NO_ERROR || rcode == NX_DOMAIN;
  }

  /**
   * Writes the SOA record of the root, RFC 1035, section 3.3.13. The root is the one ancestor that
   * every name has for certain, and in the bailiwick of a resolver that asks for all names here.
   */
  private static void writeSoa(ByteBuf response, DnsEvent outcome) {
    int ttl =
        outcome == DnsEvent.NAME_UNKNOWN ? DnsService.UNKNOWN_TTL_SECONDS : DnsService.TTL_SECONDS;
    response.writeByte(0);
    response.writeShort(DnsRecord.SOA);
    response.writeShort(CLASS_IN);
    response.writeInt(ttl);
    response.writeShort(SOA_DATA_LENGTH);
    response.writeByte(0).writeByte(0);
    // Serial, refresh, retry, expire: for secondary servers, of which there are none.
    response.writeInt(1).writeInt(ttl).writeInt(ttl).writeInt(ttl);
    response.writeInt(ttl);
  }

  /** The response code that an outcome is told with. RFC 1035, section 4.1.1; RFC 6891. */
  private static int rcode(DnsEvent outcome) {
    final int formErr = 1, servFail = 2, notImp = 4, refused = 5;
    final int badVers = 16;
    return switch (outcome) {
      case MALFORMED, EXTRA_RECORDS, TOO_LONG -> formErr;
      case OPCODE_UNKNOWN -> notImp;
      case EDNS_VERSION_UNKNOWN -> badVers;
      case CLASS_REFUSED -> refused;
      case NAME_INVALID, NAME_ONION, NAME_UNKNOWN -> NX_DOMAIN;
      case TYPE_EMPTY, FAMILY_EMPTY, ANSWERED -> NO_ERROR;
      case OVERLOADED, EVICTED, LOOKUP_FAILED, LOOKUP_TIMED_OUT, ANSWER_INVALID -> servFail;
      case DROPPED_TRUNCATED,
          DROPPED_RESPONSE,
          DROPPED_OVER_SHARE,
          DROPPED_TOO_LATE,
          DROPPED_QUEUE_FULL,
          CONNECTION_MALFORMED,
          CONNECTION_IDLE,
          COALESCED ->
          throw new IllegalArgumentException("not an outcome with a response: " + outcome);
    };
  }
}
