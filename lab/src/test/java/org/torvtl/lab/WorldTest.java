/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

@Timeout(30)
class WorldTest {
  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

  private World world = open();
  private final HttpClient client = HttpClient.newHttpClient();

  private static World open() {
    var names = new LinkedHashMap<String, List<InetAddress>>();
    names.put("web.lab.test", List.of(InetAddress.ofLiteral("198.18.0.200")));
    names.put("alias.lab.test", List.of(InetAddress.ofLiteral("198.18.0.200")));
    names.put("*.many.lab.test", List.of(InetAddress.ofLiteral("198.18.0.202")));
    names.put(
        "dual.lab.test",
        List.of(InetAddress.ofLiteral("198.18.0.201"), InetAddress.ofLiteral("2001:db8::80")));
    try {
      return World.open(LOOPBACK, List.of(LOOPBACK), names, new World.Ports(0, 0, 0, 0, 0));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @BeforeEach
  void listens() {
    assertThat(world.addresses()).hasSize(5).allSatisfy(a -> assertThat(a.getPort()).isPositive());
  }

  @AfterEach
  void close() throws IOException {
    world.close();
    client.close();
  }

  private byte[] ask(byte[] query) throws IOException {
    try (var socket = new DatagramSocket()) {
      socket.setSoTimeout(5000);
      socket.send(new DatagramPacket(query, query.length, world.addresses().getFirst()));
      var answer = new DatagramPacket(new byte[1500], 1500);
      socket.receive(answer);
      return Arrays.copyOf(answer.getData(), answer.getLength());
    }
  }

  private Message ask(String name, int type) throws IOException {
    var query = Message.newQuery(Record.newRecord(Name.fromString(name), type, 1));
    var answer = new Message(ask(query.toWire()));
    assertThat(answer.getHeader().getID()).isEqualTo(query.getHeader().getID());
    assertThat(answer.getHeader().getFlag(Flags.QR)).isTrue();
    return answer;
  }

  private static List<String> data(Message answer) {
    return answer.getSection(Section.ANSWER).stream().map(Record::rdataToString).toList();
  }

  @Test
  void knowsItsNamesBothWays() throws IOException {
    assertThat(data(ask("web.lab.test.", Type.A))).containsExactly("198.18.0.200");
    assertThat(data(ask("ALIAS.lab.Test.", Type.A))).containsExactly("198.18.0.200");
    assertThat(data(ask("200.0.18.198.in-addr.arpa.", Type.PTR))).containsExactly("web.lab.test.");
  }

  @Test
  void knowsTheAddressesOfBothFamilies() throws IOException {
    assertThat(data(ask("dual.lab.test.", Type.A))).containsExactly("198.18.0.201");
    assertThat(data(ask("dual.lab.test.", Type.AAAA))).containsExactly("2001:db8:0:0:0:0:0:80");
  }

  @Test
  void knowsAnyNumberOfNames() throws IOException {
    assertThat(data(ask("name7.many.lab.test.", Type.A))).containsExactly("198.18.0.202");
    assertThat(ask("many.lab.test.", Type.A).getRcode()).isEqualTo(Rcode.NXDOMAIN);
  }

  @Test
  void answersInTheLettersOfTheQuestion() throws IOException {
    byte[] query =
        Message.newQuery(Record.newRecord(Name.fromString("wEb.LaB.tEsT."), Type.A, 1)).toWire();
    assertThat(new String(ask(query), StandardCharsets.ISO_8859_1))
        .contains("wEb")
        .contains("LaB")
        .contains("tEsT");
  }

  @Test
  void knowsNoOtherNames() throws IOException {
    assertThat(ask("nosuch.lab.test.", Type.A).getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(ask("9.0.18.198.in-addr.arpa.", Type.PTR).getRcode()).isEqualTo(Rcode.NXDOMAIN);
    var other = ask("web.lab.test.", Type.AAAA);
    assertThat(other.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(data(other)).isEmpty();
  }

  @Test
  void survivesWhatIsNoQuestion() throws IOException {
    var random = new Random(42);
    try (var dns = WorldDns.open(new InetSocketAddress(LOOPBACK, 0), new LinkedHashMap<>())) {
      for (int i = 0; i < 2000; i++) {
        var junk = new byte[random.nextInt(80)];
        random.nextBytes(junk);
        byte[] answer = dns.answer(junk);
        if (answer != null) {
          assertThat(Arrays.copyOf(answer, 2)).isEqualTo(Arrays.copyOf(junk, 2));
          assertThat(answer[2] & 0x80).as("an answer, not a question").isNotZero();
        }
      }
    }
    byte[] cut =
        Arrays.copyOf(
            Message.newQuery(Record.newRecord(Name.fromString("web.lab.test."), Type.A, 1))
                .toWire(),
            20);
    assertThat(new Message(Arrays.copyOf(ask(cut), 12)).getRcode()).isEqualTo(Rcode.FORMERR);
  }

  private HttpResponse<byte[]> http(String path, HttpRequest.Builder request)
      throws IOException, InterruptedException {
    var uri =
        URI.create("http://127.0.0.1:%d%s".formatted(world.addresses().get(1).getPort(), path));
    return client.send(request.uri(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private String get(String path) throws IOException, InterruptedException {
    return new String(http(path, HttpRequest.newBuilder()).body(), StandardCharsets.UTF_8);
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void tellsWhereOneCameFrom() throws Exception {
    assertThat(get("/").lines()).contains("You came from 127.0.0.1");
    assertThat(http("/other", HttpRequest.newBuilder()).statusCode()).isEqualTo(404);
  }

  @Test
  void givesBytesThatTheirDigestFits() throws Exception {
    for (int count : new int[] {0, 1, 65536, 1_000_003}) {
      byte[] body = http("/bytes/" + count, HttpRequest.newBuilder()).body();
      assertThat(body).hasSize(count);
      assertThat(get("/sha256/" + count).strip()).isEqualTo(sha256(body));
    }
    assertThat(http("/bytes/1073741825", HttpRequest.newBuilder()).statusCode()).isEqualTo(400);
    assertThat(http("/bytes/-1", HttpRequest.newBuilder()).statusCode()).isEqualTo(400);
  }

  /** GRUB 2.06 reads {@code Content-Length} in this spelling only. */
  @Test
  void headersAreSpelledAsMostServersDo() throws Exception {
    for (var path : List.of("/bytes/10", "/")) {
      try (var socket = new Socket(LOOPBACK, world.addresses().get(1).getPort())) {
        socket
            .getOutputStream()
            .write(("GET " + path + " HTTP/1.0\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        var answer =
            new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        assertThat(answer).contains("\r\nContent-Length: ", "\r\nContent-Type: ");
      }
    }
  }

  @Test
  void requestsThatComeTogetherAreAnsweredInTheirOrder() throws Exception {
    try (var socket = new Socket(LOOPBACK, world.addresses().get(1).getPort())) {
      var requests =
          """
          GET /sha256/1000000 HTTP/1.1\r
          Host: a\r
          \r
          POST /sink HTTP/1.1\r
          Host: a\r
          Content-Length: 3\r
          \r
          abcGET /nowhere HTTP/1.1\r
          Host: a\r
          Connection: close\r
          \r
          """;
      socket.getOutputStream().write(requests.getBytes(StandardCharsets.US_ASCII));
      var answers = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      assertThat(answers)
          .containsSubsequence(
              SampleBytes.sha256(1_000_000),
              "3 " + sha256("abc".getBytes(StandardCharsets.US_ASCII)),
              " 404 ");
    }
  }

  @Test
  void whatIsNoRequestIsRefused() throws Exception {
    try (var socket = new Socket(LOOPBACK, world.addresses().get(1).getPort())) {
      socket.getOutputStream().write("what?\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
          .contains(" 400 ");
    }
  }

  @Test
  void aSwapOfTwoPiecesIsSeen() {
    var first = new byte[4096];
    var second = new byte[4096];
    SampleBytes.fill(first, 0);
    SampleBytes.fill(second, 4096);
    assertThat(first).isNotEqualTo(second);
    var both = new byte[8192];
    SampleBytes.fill(both, 0);
    assertThat(Arrays.copyOfRange(both, 4096, 8192)).isEqualTo(second);
  }

  @Test
  void takesWhatOneSends() throws Exception {
    var body = new byte[300_000];
    new Random(1).nextBytes(body);
    for (var method : List.of("PUT", "POST")) {
      var request =
          HttpRequest.newBuilder().method(method, HttpRequest.BodyPublishers.ofByteArray(body));
      assertThat(new String(http("/sink", request).body(), StandardCharsets.UTF_8))
          .isEqualTo("300000 " + sha256(body) + "\n");
    }
    assertThat(http("/sink", HttpRequest.newBuilder()).statusCode()).isEqualTo(405);
  }

  private Socket connect(int service) throws IOException {
    var socket = new Socket(LOOPBACK, world.addresses().get(service).getPort());
    socket.setSoTimeout(10_000);
    return socket;
  }

  @Test
  void echoesToTheEnd() throws Exception {
    try (var socket = connect(2)) {
      var body = new byte[200_000];
      new Random(2).nextBytes(body);
      var written =
          CompletableFuture.runAsync(() -> {
            try {
              socket.getOutputStream().write(body);
              socket.shutdownOutput();
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          });
      assertThat(socket.getInputStream().readAllBytes()).isEqualTo(body);
      written.join();
    }
  }

  @Test
  void digestsOnlyAtTheEnd() throws Exception {
    try (var socket = connect(3)) {
      socket.getOutputStream().write("abc".getBytes(StandardCharsets.US_ASCII));
      socket.shutdownOutput();
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
          .isEqualTo("3 " + sha256("abc".getBytes(StandardCharsets.US_ASCII)) + "\n");
    }
  }

  @Test
  void sendsForEver() throws Exception {
    var expected = new byte[1 << 20];
    SampleBytes.fill(expected, 0);
    try (var socket = connect(4)) {
      assertThat(socket.getInputStream().readNBytes(1 << 20)).isEqualTo(expected);
    }
  }
}
