/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.buffer.Unpooled;
import java.io.IOException;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;

/**
 * Queries of a guest as a fuzz target: whatever they are, the response to them is a DNS message, to
 * the same question, and no larger than the way back takes.
 */
public final class DnsQueryFuzz {
  private static final int MOST_OVER_UDP = 4096;

  private DnsQueryFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) throws IOException {
    var message = Unpooled.wrappedBuffer(data);
    if (!DnsQuery.hasHeader(message) || DnsQuery.isResponse(message)) {
      return;
    }
    for (var transport : DnsTransport.values()) {
      var query = DnsQuery.read(message, transport);
      check(message.readerIndex() == 0, "reading has moved the reader index");
      var question = query.question();
      // With the flag TC, a question that cannot be read is no defect, but there is none.
      if (question != null) {
        check(DnsQuestion.of(question).toString() != null, "a question without a meaning");
      }
      int rcode = query.defect() == null ? Rcode.NXDOMAIN : DnsQuery.rcode(query.defect());
      var response = query.respond(rcode, null).bytes();
      check(
          transport == DnsTransport.TCP || response.readableBytes() <= MOST_OVER_UDP,
          "a response larger than any datagram that was asked for");
      var read = new Message(response.nioBuffer());
      check(
          read.getHeader().getID() == query.header().getID() && read.getHeader().getFlag(Flags.QR),
          "a response to something else");
    }
  }

  private static void check(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}
