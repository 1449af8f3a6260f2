/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * Queries of a guest as a fuzz target: whatever they are, the response to them is a DNS message, to
 * the same question byte for byte, and no larger than any way back takes. A question is read as
 * dnsjava reads it.
 */
public final class DnsQueryFuzz {
  private static final int HEADER = 12, MOST_OVER_UDP = 512;
  private static final byte[] LONGEST_NAME = longestName();

  private DnsQueryFuzz() {}

  private static byte[] longestName() {
    byte[] name = new byte[DnsQuery.MAX_NAME];
    Arrays.fill(name, (byte) 'x');
    for (int at = 0; at < DnsQuery.MAX_NAME - 1; at += 64) {
      name[at] = (byte) Math.min(63, DnsQuery.MAX_NAME - 2 - at);
    }
    name[DnsQuery.MAX_NAME - 1] = 0;
    return name;
  }

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) throws IOException {
    var message = Unpooled.wrappedBuffer(data);
    if (!DnsQuery.hasHeader(message) || DnsQuery.isResponse(message)) {
      return;
    }
    var query = DnsQuery.read(message);
    check(message.readerIndex() == 0, "reading has moved the reader index");
    if (query.defect() != null) {
      checkResponse(query, query.defect(), null);
      return;
    }
    checkResponse(query, DnsEvent.NAME_UNKNOWN, null);
    switch (DnsQuestion.of(query.question())) {
      case DnsQuestion.Settled(DnsEvent reason) -> checkResponse(query, reason, null);
      case DnsQuestion.Address(String name) -> {
        check(
            new Name(query.question()).toString(true).equalsIgnoreCase(name),
            "another name is asked for: " + name);
        check(WireName.ofHost(name) != null, "no host is asked for: " + name);
        checkResponse(query, DnsEvent.ANSWERED, new DnsRecord(DnsRecord.A, new byte[4]));
      }
      case DnsQuestion.Pointer pointer ->
          checkResponse(query, DnsEvent.ANSWERED, new DnsRecord(DnsRecord.PTR, LONGEST_NAME));
    }
  }

  private static void checkResponse(DnsQuery query, DnsEvent outcome, @Nullable DnsRecord answer)
      throws IOException {
    byte[] response = ByteBufUtil.getBytes(query.respond(outcome, answer));
    check(response.length <= MOST_OVER_UDP, "a response larger than any datagram may be");
    var read = new Message(response);
    check(
        read.getHeader().getID() == query.id() && read.getHeader().getFlag(Flags.QR),
        "a response to something else");
    byte[] question = query.question();
    check(
        Arrays.equals(question, Arrays.copyOfRange(response, HEADER, HEADER + question.length)),
        "a response to another question");
    check((read.getOPT() != null) == query.hasEdns(), "EDNS as the query has it");
    var answers = read.getSection(Section.ANSWER);
    check(answers.size() == (answer == null ? 0 : 1), "so many answers");
    boolean negative = outcome == DnsEvent.NAME_UNKNOWN;
    check(!negative || read.getSection(Section.AUTHORITY).size() == 1, "an SOA");
    for (var record : answers) {
      check(record.getName().equals(read.getQuestion().getName()), "a record of another name");
      check(record.getType() == Type.A || record.getType() == Type.PTR, "a record of another type");
    }
  }

  private static void check(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}
