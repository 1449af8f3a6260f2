/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.egress.Answer;
import org.torvtl.egress.Destination;
import org.torvtl.egress.EgressListener;
import org.torvtl.egress.IsolationKey;
import org.torvtl.fuzz.Draws;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.socks.PeerCheck;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.GenericEDNSOption;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.NameTooLongException;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.PTRRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** What queries are answered. */
class DnsServiceTest extends DnsServiceWorld {
  private static final int BADVERS = 16;

  @Test
  void answersAnAddress() throws Exception {
    ask(query("wWw.ExAmple.com", Type.A));
    assertThat(responses).isEmpty();
    assertThat(wayOut.asked).containsExactly("guest-1 www.example.com");
    assertThat(service.inFlight()).isEqualTo(1);

    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(service.inFlight()).isZero();
    var header = response().getHeader();
    assertThat(header.getID()).isEqualTo(0xBEEF);
    assertThat(header.getFlag(Flags.QR)).isTrue();
    assertThat(header.getFlag(Flags.RA)).isTrue();
    assertThat(header.getFlag(Flags.RD)).isTrue();
    assertThat(header.getFlag(Flags.AA)).isFalse();
    assertThat(header.getFlag(Flags.TC)).isFalse();
    assertThat(header.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(response().getQuestion().getName()).hasToString("wWw.ExAmple.com.");
    assertThat(response().getOPT()).isNull();
    var answer = (ARecord) response().getSection(Section.ANSWER).getFirst();
    assertThat(answer.getName()).hasToString("wWw.ExAmple.com.");
    assertThat(answer.getAddress()).isEqualTo(address("203.0.113.7"));
    assertThat(answer.getTTL()).isEqualTo(60);
    assertThat(counters.count(DnsEvent.ANSWERED)).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "7.113.0.203.in-addr.arpa, 203.0.113.7",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.IP6.ARPA, 2001:db8:0:0:0:0:0:1"
  })
  void answersAPointer(String name, String literal) throws Exception {
    ask(query(name, Type.PTR));
    assertThat(wayOut.asked).containsExactly("guest-1 " + literal);
    wayOut.names.getFirst().setSuccess("host.example.com");
    var answer = (PTRRecord) response().getSection(Section.ANSWER).getFirst();
    assertThat(answer.getTarget()).hasToString("host.example.com.");
    assertThat(answer.getTTL()).isEqualTo(60);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ".", "a b.example", "a..b", "\\000.example", "192.0.2.1", "ü.example"})
  void doesNotPassOnAPointerThatIsNoName(String made) throws Exception {
    ask(query("7.113.0.203.in-addr.arpa", Type.PTR));
    wayOut.names.getFirst().setSuccess(made);
    assertSettled(Rcode.SERVFAIL, DnsEvent.ANSWER_INVALID);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "113.0.203.in-addr.arpa",
        "in-addr.arpa",
        "256.113.0.203.in-addr.arpa",
        "x.7.113.0.203.in-addr.arpa",
        "1.0.ip6.arpa"
      })
  void aPointerOfNoAddressIsEmpty(String name) throws Exception {
    ask(query(name, Type.PTR));
    assertSettled(Rcode.NOERROR, DnsEvent.TYPE_EMPTY);
    assertThat(wayOut.asked).isEmpty();
  }

  private static final int HTTPS = 65;

  /** Whether the name is there is asked as for A. */
  @ParameterizedTest
  @ValueSource(
      ints = {Type.AAAA, Type.MX, Type.TXT, Type.SRV, Type.NS, Type.SOA, Type.PTR, HTTPS, 65280})
  void otherTypesOfANameThatIsThereAreEmpty(int type) throws Exception {
    ask(query("www.example.com", type));
    assertThat(wayOut.asked).containsExactly("guest-1 www.example.com");
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertSettled(Rcode.NOERROR, DnsEvent.TYPE_EMPTY);
  }

  @ParameterizedTest
  @ValueSource(ints = {Type.A, Type.AAAA, Type.MX, Type.ANY, HTTPS})
  void anUnknownNameIsUnknownForEveryType(int type) throws Exception {
    ask(query("nosuch.example.com", type));
    wayOut.addresses.getFirst().setUnknown();
    assertSettled(Rcode.NXDOMAIN, DnsEvent.NAME_UNKNOWN);
  }

  @ParameterizedTest
  @ValueSource(ints = {Type.A, Type.PTR, Type.TXT})
  void anUnknownAddressIsUnknownForEveryType(int type) throws Exception {
    ask(query("7.113.0.203.in-addr.arpa", type));
    wayOut.names.getFirst().setUnknown();
    assertSettled(Rcode.NXDOMAIN, DnsEvent.NAME_UNKNOWN);
  }

  @Test
  void otherTypesOfAnAddressThatHasANameAreEmpty() throws Exception {
    ask(query("7.113.0.203.in-addr.arpa", Type.TXT));
    wayOut.names.getFirst().setSuccess("host.example.com");
    assertSettled(Rcode.NOERROR, DnsEvent.TYPE_EMPTY);
  }

  /** An empty answer told glibc that the name has no address, while A was only not found out. */
  @Test
  void aTemporaryFailureOfTheAddressIsOneOfTheOtherTypes() throws Exception {
    ask(query("www.example.com", Type.A));
    ask(query("www.example.com", Type.AAAA));
    assertThat(responses).as("it waits for the same answer").isEmpty();
    assertThat(wayOut.asked).hasSize(1);
    wayOut.addresses.getFirst().setFailure(failure());
    assertThat(codes()).containsExactly(Rcode.SERVFAIL, Rcode.SERVFAIL);
  }

  /** RFC 8482: some records of the name will do. */
  @Test
  void anyTypeIsAnsweredWithTheAddress() throws Exception {
    ask(query("www.example.com", Type.ANY));
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(response().getSection(Section.ANSWER).getFirst().rdataToString())
        .isEqualTo("203.0.113.7");
  }

  // What a guest may remember. RFC 2308.

  private SOARecord soa() {
    return (SOARecord) response().getSection(Section.AUTHORITY).getFirst();
  }

  /** Tor says the same of a name that could not be looked up: so not for long. */
  @Test
  void thatANameIsUnknownMayBeRememberedForAMoment() throws Exception {
    ask(query("nosuch.example.com", Type.AAAA));
    wayOut.addresses.getFirst().setUnknown();
    assertThat(response().getHeader().getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(soa().getName()).isEqualTo(Name.root);
    assertThat(soa().getTTL()).isEqualTo(10);
    assertThat(soa().getMinimum()).isEqualTo(10);
  }

  @Test
  void thatANameHasNoSuchRecordMayBeRememberedAsLongAsTheAddress() throws Exception {
    ask(query("www.example.com", Type.AAAA));
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(response().getHeader().getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(soa().getName()).isEqualTo(Name.root);
    assertThat(soa().getTTL()).isEqualTo(60);
    assertThat(soa().getMinimum()).isEqualTo(60);
  }

  @Test
  void aNegativeAnswerOfALongNameFits() throws Exception {
    var label = "x".repeat(63);
    var query = query(String.join(".", label, label, label, "y".repeat(61)), Type.MX);
    query.addRecord(new OPTRecord(4096, 0, 0, 0x8000), Section.ADDITIONAL);
    ask(query);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(soa().getMinimum()).isEqualTo(60);
    assertThat(response().getOPT()).isNotNull();
    assertThat(responseLength).isLessThanOrEqualTo(512);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a\\032b.example",
        "a\\.b.example",
        "b\\195\\188cher.example",
        "a\\000.example",
        "*.example",
        "192.0.2.1",
        "1.0x7f",
        "7"
      })
  void whatIsNoHostNameIsNotAsked(String name) throws Exception {
    ask(query(name, Type.A));
    assertSettled(Rcode.NXDOMAIN, DnsEvent.NAME_INVALID);
    assertThat(wayOut.asked).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"onion", "x.onion", "www.x.OniOn"})
  void onionNamesAreNotAsked(String name) throws Exception {
    ask(query(name, Type.A));
    assertSettled(Rcode.NXDOMAIN, DnsEvent.NAME_ONION);
    assertThat(wayOut.asked).isEmpty();
  }

  @Test
  void asksForNamesThatOnlyLookOdd() throws Exception {
    for (var name :
        List.of("_sip.example", "localhost", "0x.example", "1.2.3.4.example", "onion.example")) {
      ask(query(name, Type.A));
    }
    assertThat(wayOut.asked).hasSize(5);
  }

  @Test
  void anAddressOfTheOtherFamilyIsEmpty() throws Exception {
    ask(query("six.example", Type.A));
    wayOut.addresses.getFirst().setSuccess(address("2001:db8::1"));
    assertSettled(Rcode.NOERROR, DnsEvent.FAMILY_EMPTY);
  }

  @Test
  void aProxyThatIsDownIsAFailure() throws Exception {
    ask(query("www.example.com", Type.A));
    wayOut.addresses.getFirst().setFailure(new IOException("down"));
    assertSettled(Rcode.SERVFAIL, DnsEvent.LOOKUP_FAILED);
  }

  @Test
  void givesUpInTime() throws Exception {
    ask(query("slow.example", Type.A));
    channel.advanceTimeBy(29, TimeUnit.SECONDS);
    channel.runScheduledPendingTasks();
    assertThat(responses).isEmpty();
    channel.advanceTimeBy(1, TimeUnit.SECONDS);
    channel.runScheduledPendingTasks();
    assertSettled(Rcode.SERVFAIL, DnsEvent.LOOKUP_TIMED_OUT);
    assertThat(wayOut.addresses.getFirst().isCancelled()).isTrue();
    assertThat(service.inFlight()).isZero();
  }

  @Test
  void equalQueriesShareALookupWithinOneKeyOnly() throws Exception {
    var second = query("WWW.example.com", Type.A);
    second.getHeader().setID(2);
    ask(query("www.example.com", Type.A));
    ask(second);
    ask(service, "guest-2", query("www.example.com", Type.A).toWire());
    assertThat(wayOut.asked).containsExactly("guest-1 www.example.com", "guest-2 www.example.com");
    assertThat(counters.count(DnsEvent.COALESCED)).isEqualTo(1);
    assertThat(service.inFlight()).isEqualTo(2);
    assertThat(service.waiting()).isEqualTo(3);

    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(responses).hasSize(2);
    assertThat(responses).extracting(r -> r.getHeader().getID()).containsExactly(0xBEEF, 2);
    assertThat(responses.getLast().getQuestion().getName()).hasToString("WWW.example.com.");
    assertThat(service.inFlight()).isEqualTo(1);

    ask(query("www.example.com", Type.A));
    assertThat(wayOut.asked).as("nothing is cached").hasSize(3);
  }

  @Test
  void whatThisSideLacksIsNoFailureOfTheWayOut() throws Exception {
    ask(query("www.example.com", Type.A));
    wayOut.addresses.getFirst().setFailure(exhausted());
    assertSettled(Rcode.SERVFAIL, DnsEvent.OVERLOADED);
    assertThat(counters.count(DnsEvent.LOOKUP_FAILED)).isZero();
  }

  /** What it asked would be told to the next guest at its MAC address. */
  @Test
  void aGuestThatLeftIsNotAnswered() throws Exception {
    ask(service, 7, "leaves", query("secret.example.com", Type.A).toWire());
    ask(service, 8, "stays", query("www.example.com", Type.A).toWire());
    service.forget(7);
    assertThat(service.inFlight()).isEqualTo(1);
    assertThat(wayOut.addresses.getFirst().isCancelled()).isTrue();
    assertThat(responses).isEmpty();
    wayOut.addresses.get(1).setSuccess(InetAddress.getByName("192.0.2.1"));
    assertThat(responses).hasSize(1);
  }

  @Test
  void closingAnswersAllThatWait() throws Exception {
    ask(query("www.example.com", Type.A));
    service.close();
    assertSettled(Rcode.SERVFAIL, DnsEvent.LOOKUP_FAILED);
    assertThat(wayOut.addresses.getFirst().isCancelled()).isTrue();
  }

  @Test
  void anotherClassIsRefused() throws Exception {
    var name = Name.fromString("version.bind.");
    ask(Message.newQuery(Record.newRecord(name, Type.TXT, DClass.CHAOS)));
    assertSettled(Rcode.REFUSED, DnsEvent.CLASS_REFUSED);
  }

  @Test
  void anotherOpcodeIsNotImplemented() throws Exception {
    var query = query("www.example.com", Type.A);
    query.getHeader().setOpcode(Opcode.UPDATE);
    ask(query);
    assertSettled(Rcode.NOTIMP, DnsEvent.OPCODE_UNKNOWN);
    assertThat(response().getHeader().getOpcode()).isEqualTo(Opcode.UPDATE);
  }

  @Test
  void responsesAndScrapsGetNoAnswer() throws Exception {
    var response = query("www.example.com", Type.A);
    response.getHeader().setFlag(Flags.QR);
    ask(response);
    ask(service, GUEST, new byte[11]);
    assertThat(responses).isEmpty();
    assertThat(counters.count(DnsEvent.DROPPED_RESPONSE)).isEqualTo(1);
    assertThat(counters.count(DnsEvent.DROPPED_TRUNCATED)).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "beef 0100 0000 0000 0000 0000, no question",
    "beef 0100 0002 0000 0000 0000 0161 00 0001 0001 0162 00 0001 0001, two questions",
    "beef 0100 0001 0000 0000 0000 0161, half a question",
    "beef 0100 0001 0000 0000 0000 c00c 0001 0001, a name that points at itself",
    "beef 0100 0001 0000 0000 0000 0161 c00c 0001 0001, a name that ends in a pointer",
    "beef 0100 0001 0000 0000 0000 4161 00 0001 0001, a label of an unknown kind",
    "beef 0300 0001 0000 0000 0000 0161, half a question with the flag TC",
    "beef 0100 0001 0000 0000 0000 0161 00 0001 0001 00, a byte more",
    "beef 0100 0001 0000 0000 0001 0161 00 0001 0001 00 0029 1000 00000000 0001, half an OPT",
    "beef 0100 0001 0000 0000 0001 0161 00 0001 0001 00 0029 1000 00000000 0000 00, a byte behind the OPT",
    "beef 0100 0001 0000 0000 0001 0161 00 0001 0001 0162 00 0029 1000 00000000 0000, an OPT with a name",
  })
  void malformedQueriesAreToldSo(String hex, String what) {
    ask(service, GUEST, HexFormat.of().parseHex(hex.replace(" ", "")));
    assertSettled(Rcode.FORMERR, DnsEvent.MALFORMED);
    assertThat(response().getHeader().getID()).as(what).isEqualTo(0xBEEF);
    assertThat(wayOut.asked).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "beef 0100 0001 ffff ffff ffff 0161 00 0001 0001, records that are not there",
    "beef 0100 0001 0001 0000 0000 0161 00 0001 0001 c00c 0001 0001 0000003c 0004 7f000001, an answer",
    "beef 0100 0001 0000 0001 0000 0161 00 0001 0001 c00c 0001 0001 0000003c 0004 7f000001, an authority",
    "beef 0100 0001 0000 0000 0001 0161 00 0001 0001 00 0001 0001 0000003c 0004 7f000001, an address beside",
    "beef 0100 0001 0000 0000 0001 0161 00 0001 0001 00 00fa 00ff 00000000 0000, a TSIG",
    "beef 0100 0001 0000 0000 0002 0161 00 0001 0001 00 0029 1000 00000000 0000 00 0029 1000 00000000 0000, two OPTs",
  })
  void otherRecordsThanOneOptAreRefusedUnread(String hex, String what) {
    ask(service, GUEST, HexFormat.of().parseHex(hex.replace(" ", "")));
    assertSettled(Rcode.FORMERR, DnsEvent.EXTRA_RECORDS);
    assertThat(response().getHeader().getID()).as(what).isEqualTo(0xBEEF);
    assertThat(wayOut.asked).isEmpty();
  }

  /** The message of 65 kB that took a general parser 790 ms. */
  @Test
  void aMazeOfPointersIsRefusedUnread() {
    var maze = Unpooled.buffer().writeBytes(HexFormat.of().parseHex("beef0100000100000000"));
    maze.writeShort(3_401).writeBytes(HexFormat.of().parseHex("0161000001000100fe0001"));
    maze.writeShort(1).writeInt(0).writeShort(2 * 8_000);
    int chain = maze.writerIndex();
    maze.writeShort(0xC00C);
    for (int i = 1; i < 8_000; i++) {
      maze.writeShort(0xC000 | chain + 2 * (i - 1));
    }
    int end = maze.writerIndex() - 2;
    for (int i = 0; i < 3_400; i++) {
      maze.writeShort(0xC000 | end).writeShort(5).writeShort(1).writeInt(0).writeShort(2);
      maze.writeShort(0xC000 | end);
    }
    maze.setShort(10, 0).setShort(6, 3_401);
    assertThat(maze.readableBytes()).isBetween(60_000, 65_507);
    ask(service, GUEST, ByteBufUtil.getBytes(maze));
    assertSettled(Rcode.FORMERR, DnsEvent.TOO_LONG);
  }

  @Test
  void aQueryMayBeSoLongAndNoLonger() throws Exception {
    var cookie = query("www.example.onion", Type.TXT).toWire();
    int padding = DnsQuery.MAX_LENGTH - cookie.length - 11;
    for (int longer = 0; longer <= 1; longer++) {
      var padded = Unpooled.buffer().writeBytes(cookie).setShort(10, 1);
      padded.writeByte(0).writeShort(Type.OPT).writeShort(1232).writeInt(0);
      padded.writeShort(padding + longer).writeZero(padding + longer);
      ask(service, GUEST, ByteBufUtil.getBytes(padded));
    }
    assertThat(counters.count(DnsEvent.NAME_ONION)).isEqualTo(1);
    assertThat(counters.count(DnsEvent.TOO_LONG)).isEqualTo(1);
  }

  /** RFC 1035, section 2.3.4: 255 bytes with the root. */
  @ParameterizedTest
  @CsvSource({"126, TYPE_EMPTY", "127, TYPE_EMPTY", "128, MALFORMED"})
  void aNameMayHaveSoManyLabels(int labels, DnsEvent event) {
    var message = Unpooled.buffer().writeBytes(HexFormat.of().parseHex("beef01000001000000000000"));
    for (int i = 0; i < labels; i++) {
      message.writeByte(1).writeByte('a' + i % 26);
    }
    message.writeByte(0).writeShort(Type.TXT).writeShort(DClass.IN);
    ask(service, GUEST, ByteBufUtil.getBytes(message));
    wayOut.addresses.forEach(promise -> promise.setSuccess(loopback()));
    assertThat(counters.count(event)).isEqualTo(1);
  }

  /** The letters' case is the guest's check on who answers: draft-vixie-dnsext-dns0x20. */
  @Test
  void repeatsTheBytesOfTheQuestion() throws Exception {
    var query = query("wWw.ExAmPle.COM", Type.A).toWire();
    service.answer(
        client(5000),
        Unpooled.wrappedBuffer(query),
        () -> true,
        response -> {
          var echoed = ByteBufUtil.getBytes(response, 12, query.length - 12);
          assertThat(echoed).isEqualTo(Arrays.copyOfRange(query, 12, query.length));
          response.release();
        });
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    assertThat(counters.count(DnsEvent.ANSWERED)).isEqualTo(1);
  }

  @Test
  void aCookieIsLetPass() throws Exception {
    var query = query("www.example.com", Type.A);
    query.addRecord(
        new OPTRecord(1232, 0, 0, 0, List.of(new GenericEDNSOption(10, new byte[8]))),
        Section.ADDITIONAL);
    ask(query);
    assertThat(wayOut.asked).hasSize(1);
  }

  @Test
  void speaksEdns() throws Exception {
    var query = query("www.example.com", Type.A);
    query.addRecord(new OPTRecord(4096, 0, 0, 0x8000), Section.ADDITIONAL);
    ask(query);
    wayOut.addresses.getFirst().setSuccess(address("203.0.113.7"));
    var opt = response().getOPT();
    assertThat(opt).isNotNull();
    assertThat(opt.getVersion()).isZero();
    assertThat(opt.getPayloadSize()).isEqualTo(1232);
    assertThat(opt.getFlags()).isEqualTo(0x8000);
    assertThat(response().getSection(Section.ANSWER)).hasSize(1);
  }

  @Test
  void refusesAnotherVersionOfEdns() throws Exception {
    var query = query("www.example.com", Type.A);
    query.addRecord(new OPTRecord(4096, 0, 1), Section.ADDITIONAL);
    ask(query);
    assertThat(response().getRcode()).isEqualTo(BADVERS);
    assertThat(response().getOPT().getVersion()).isZero();
    assertThat(counters.count(DnsEvent.EDNS_VERSION_UNKNOWN)).isEqualTo(1);
    assertThat(wayOut.asked).isEmpty();
  }

  /**
   * The longest answer there is: 12 + 76 bytes for header and question, 12 + 255 for the record.
   */
  @Test
  void theLongestAnswerFits() throws Exception {
    var label = "x".repeat(63);
    var longest = String.join(".", label, label, label, "y".repeat(61));
    var pointer = "1." + "0.".repeat(31) + "ip6.arpa";
    ask(service, GUEST, query(pointer, Type.PTR).toWire());
    wayOut.names.getFirst().setSuccess(longest);
    var answer = (PTRRecord) response().getSection(Section.ANSWER).getFirst();
    assertThat(answer.getTarget()).hasToString(longest + ".");
    assertThat(responseLength).isLessThanOrEqualTo(512);
  }

  /** Whatever the question lets through, the SOCKS client takes. */
  @Test
  void everyHostNameCanBeSentToTor() {
    Draws.repeat(
        1000,
        draw -> {
          var labels = draw.list(1, 5, each -> each.bytes(1, 63));
          var name = Name.root;
          try {
            for (var label : labels) {
              name = Name.concatenate(new Name(wireLabel(label)), name);
            }
          } catch (NameTooLongException e) {
            return;
          }
          var wire =
              Unpooled.buffer().writeBytes(name.toWire()).writeShort(Type.A).writeShort(DClass.IN);
          var question = DnsQuestion.of(ByteBufUtil.getBytes(wire));
          if (question instanceof DnsQuestion.Address(String text)) {
            assertThat(new Destination.Name(text, 0).name()).isEqualTo(text);
          }
        });
  }

  /** A relative name of one label; most bytes become letters, so that some are host names. */
  private static byte[] wireLabel(byte[] label) {
    var wire = new byte[label.length + 2];
    wire[0] = (byte) label.length;
    for (int i = 0; i < label.length; i++) {
      wire[i + 1] = label[i] < -120 ? label[i] : (byte) ('a' + (label[i] & 0xF));
    }
    return wire;
  }

  @Test
  void anyBytesGetAReadableResponseOrNone() {
    Draws.repeat(
        5000,
        draw -> {
          byte[] bytes = draw.bytes(0, 600);
          fuzz(bytes);
        });
  }

  @Test
  void mutatedQueriesGetAReadableResponseOrNone() {
    Draws.repeat(
        10000,
        draw -> {
          int kind = draw.integer(0, 2);
          var places = draw.list(0, 6, each -> each.integer(0, 79));
          byte[] values = draw.bytes(6, 6);
          int cut = draw.integer(0, 80);
          var query =
              kind == 0
                  ? query("7.113.0.203.in-addr.arpa", Type.PTR)
                  : query("www.example.com", Type.A);
          if (kind == 2) {
            query.addRecord(new OPTRecord(4096, 0, 0, 0x8000), Section.ADDITIONAL);
          }
          byte[] bytes = query.toWire();
          for (int i = 0; i < places.size(); i++) {
            bytes[places.get(i) % bytes.length] = values[i];
          }
          fuzz(Arrays.copyOf(bytes, Math.max(0, bytes.length - Math.max(0, cut - 40))));
        });
  }

  private void fuzz(byte[] bytes) {
    responses.clear();
    ask(service, GUEST, bytes);
    service.close();
    boolean deserved = bytes.length >= 12 && (bytes[2] & 0x80) == 0;
    assertThat(responses).hasSize(deserved ? 1 : 0);
    for (var response : responses) {
      assertThat(response.getHeader().getID())
          .isEqualTo((bytes[0] & 0xFF) << 8 | (bytes[1] & 0xFF));
      assertThat(response.getHeader().getFlag(Flags.QR)).isTrue();
    }
    assertThat(service.inFlight()).isZero();
  }

  /** A proxy that is not there, asked through the real client: the seam to Tor holds. */
  @Test
  void worksWithTor() throws Exception {
    var group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    try {
      var tor = new TorEgress(closedPort(), PeerCheck.ANY, EgressListener.NONE);
      var loop = group.next();
      var real = new DnsService(loop, new TorResolver(tor, loop), DnsLimits.DEFAULT, counters);
      Promise<ByteBuf> reply = loop.newPromise();
      var query = Unpooled.wrappedBuffer(query("www.example.com", Type.A).toWire());
      loop.execute(() -> real.answer(client(5000), query, () -> true, reply::setSuccess));
      accept(reply.get(10, TimeUnit.SECONDS));
      assertSettled(Rcode.SERVFAIL, DnsEvent.LOOKUP_FAILED);
    } finally {
      group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
    }
  }

  private static InetSocketAddress closedPort() throws IOException {
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getLocalPort());
    }
  }

  private record TorResolver(TorEgress tor, EventLoop loop) implements NameResolver {
    @Override
    public Future<Answer> resolve(IsolationKey isolation, String name) {
      return tor.resolve(loop, isolation, name);
    }

    @Override
    public Future<Answer> resolvePtr(IsolationKey isolation, InetAddress address) {
      throw new AssertionError("not asked for");
    }
  }
}
