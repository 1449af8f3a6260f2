/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.torvtl.egress.Answer;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.Refusal;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** A service on a loop whose clock the test turns, with a way out the test plays. */
abstract class DnsServiceWorld {
  static final String GUEST = "guest-1";

  final EmbeddedChannel channel = new EmbeddedChannel();
  final WayOut wayOut = new WayOut();
  final DnsCounters counters = new DnsCounters();
  final List<Message> responses = new ArrayList<>();
  int responseLength;
  int nextPort = 1024;

  /** Remembers what was asked; the test answers. */
  final class WayOut implements NameResolver {
    final List<String> asked = new ArrayList<>();
    final List<Asked> addresses = new ArrayList<>();
    final List<Asked> names = new ArrayList<>();

    @Override
    public Future<Answer> resolve(IsolationKey isolation, String name) {
      asked.add(isolation.text() + " " + name);
      addresses.add(new Asked(channel.eventLoop().newPromise()));
      return addresses.getLast().promise;
    }

    @Override
    public Future<Answer> resolvePtr(IsolationKey isolation, InetAddress address) {
      asked.add(isolation.text() + " " + address.getHostAddress());
      names.add(new Asked(channel.eventLoop().newPromise()));
      return names.getLast().promise;
    }
  }

  /** A question that the test is to answer. */
  record Asked(Promise<Answer> promise) {
    void setSuccess(InetAddress address) {
      promise.setSuccess(new Answer.Address(address));
    }

    void setSuccess(String name) {
      promise.setSuccess(new Answer.Name(name));
    }

    void setUnknown() {
      promise.setSuccess(Answer.Unknown.UNKNOWN);
    }

    void setFailure(Throwable cause) {
      promise.setFailure(cause);
    }

    boolean isCancelled() {
      return promise.isCancelled();
    }
  }

  /** A failure of the way out. */
  private static final class Failure extends EgressException {
    private final Refusal refusal;

    Failure(Refusal refusal) {
      super("it failed", null);
      this.refusal = refusal;
    }

    @Override
    public Refusal refusal() {
      return refusal;
    }
  }

  DnsService service(DnsLimits limits) {
    return new DnsService(channel.eventLoop(), wayOut, limits, counters);
  }

  final DnsService service = service(DnsLimits.DEFAULT);

  void accept(ByteBuf response) {
    try {
      var bytes = new byte[response.readableBytes()];
      response.readBytes(bytes);
      responseLength = bytes.length;
      responses.add(new Message(bytes));
    } catch (IOException e) {
      throw new AssertionError("a response nobody can read", e);
    } finally {
      response.release();
    }
  }

  /** A key of an owner of its own. */
  void ask(DnsService of, String guest, byte[] query) {
    ask(of, guest.hashCode(), guest, query);
  }

  void ask(DnsService of, long owner, String isolationKey, byte[] query) {
    ask(
        of,
        new DnsClient(owner, new IsolationKey(isolationKey), owner, 1, nextPort++, false),
        query);
  }

  static DnsClient client(int port) {
    return new DnsClient(1, new IsolationKey(GUEST), 1, 1, port, false);
  }

  void ask(DnsService of, DnsClient client, byte[] query) {
    var buffer = Unpooled.copiedBuffer(query);
    of.answer(client, buffer, () -> true, this::accept);
    assertThat(buffer.readerIndex()).isZero();
    assertThat(buffer.refCnt()).isEqualTo(1);
    buffer.release();
  }

  void ask(Message query) {
    ask(service, GUEST, query.toWire());
  }

  Message response() {
    assertThat(responses).hasSize(1);
    return responses.getFirst();
  }

  static Message query(String name, int type) throws IOException {
    var message =
        Message.newQuery(Record.newRecord(Name.fromString(name, Name.root), type, DClass.IN));
    message.getHeader().setID(0xBEEF);
    return message;
  }

  static InetAddress address(String literal) throws UnknownHostException {
    return InetAddress.getByName(literal);
  }

  static InetAddress loopback() {
    return InetAddress.getLoopbackAddress();
  }

  /** The way out could not find out. */
  static EgressException failure() {
    return new Failure(Refusal.HOST_UNREACHABLE);
  }

  /** The way out could not be asked for want of something on this side. */
  static EgressException exhausted() {
    return new Failure(Refusal.NONE);
  }

  void assertSettled(int rcode, DnsEvent event) {
    assertThat(response().getHeader().getRcode()).isEqualTo(rcode);
    assertThat(response().getSection(Section.ANSWER)).isEmpty();
    boolean negative = rcode == Rcode.NOERROR || rcode == Rcode.NXDOMAIN;
    assertThat(response().getSection(Section.AUTHORITY)).hasSize(negative ? 1 : 0);
    assertThat(counters.count(event)).isEqualTo(1);
  }

  List<Integer> codes() {
    return responses.stream().map(r -> r.getHeader().getRcode()).toList();
  }

  static byte[] query(String name, int type, int id) throws IOException {
    var message = query(name, type);
    message.getHeader().setID(id);
    return message.toWire();
  }

  void advance(long seconds) {
    channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
    channel.runScheduledPendingTasks();
  }

  void askMany(DnsService of, String guest, int from, int count) throws IOException {
    for (int i = from; i < from + count; i++) {
      ask(of, guest, query(guest + i + ".example", Type.A).toWire());
    }
  }
}
