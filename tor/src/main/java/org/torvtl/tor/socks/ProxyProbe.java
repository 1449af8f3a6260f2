/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import org.torvtl.tor.socks.ProxyFinding.Kind;

/**
 * Finds out what listens where Tor's SOCKS port is expected, before the first guest needs it.
 *
 * <p>It is greeted as for a stream: the method username/password (RFC 1928, section 3), then an
 * isolation key as password (RFC 1929). No request follows. Tor answers this from its start on,
 * long before it can open a stream. What answers otherwise, or not at all, is asked on further
 * connections in other protocols, to name it: an HTTP request, which Tor's control port answers as
 * well, and a SOCKS4 request for no address, which no server can connect to.
 */
public final class ProxyProbe {
  private static final String KEY = "torvtl-probe";

  private static final byte[] GREETING = {5, 1, 2};
  private static final byte[] CREDENTIALS = credentials();

  /** For no destination. Tor's HTTPTunnelPort answers no other method, nor a malformed line. */
  private static final byte[] HTTP_REQUEST =
      "CONNECT : HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

  /** CONNECT to port 0 of 0.0.0.0, with an empty user name. */
  private static final byte[] SOCKS4_REQUEST = {4, 1, 0, 0, 0, 0, 0, 0, 0};

  /** For the TXT record of the root in the class CHAOS, which no server passes on. RFC 1035. */
  private static final byte[] DNS_QUERY = {
    0x54, 0x56, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 3
  };

  private static final int DNS_HEADER = 12;

  /** What only a SOCKS port of Tor's answers to an HTTP request. */
  private static final String TOR_IS_NO_HTTP_PROXY = "Tor is not an HTTP Proxy";

  private static final String TORS_CONTROL_PORT = "Tor ControlPort";

  private static final Duration SHORT = Duration.ofSeconds(1);
  private static final Duration REST = Duration.ofMillis(200);
  private static final int MOST_SHOWN = 60;

  private static final String USE_TOR =
      "use Tor's SocksPort, which takes any username and password to isolate streams";
  private static final String GIVE_SOCKS_PORT =
      "give the SocksPort of Tor's torrc, 9050 if it has none";

  private final SocketAddress proxy;
  private final String name;
  private final Duration timeout;

  private ProxyProbe(SocketAddress proxy, Duration timeout) {
    this.proxy = proxy;
    this.name = SocksException.text(proxy);
    this.timeout = timeout;
  }

  /**
   * Looks at an address. Blocks for {@code timeout} and some seconds at most.
   *
   * @param proxy an address that is resolved, or a Unix domain socket
   * @param timeout for the connection, and for the answer to the greeting
   */
  public static ProxyFinding look(SocketAddress proxy, Duration timeout) {
    return new ProxyProbe(proxy, timeout).look();
  }

  private ProxyFinding look() {
    ProbeConnection greeted;
    try {
      greeted = ProbeConnection.open(proxy, timeout);
    } catch (IOException e) {
      return unreachable(e);
    }
    try (greeted) {
      return greet(greeted);
    } catch (IOException e) {
      return closed();
    }
  }

  private ProxyFinding greet(ProbeConnection connection) throws IOException {
    connection.say(GREETING);
    byte[] answer = connection.hear(2, SHORT);
    if (answer.length == 0 && !connection.hasEnded()) {
      var other = silent();
      // One that was slow only may have answered meanwhile.
      answer = connection.hear(2, other.kind() == Kind.SILENT ? timeout : Duration.ZERO);
      if (answer.length == 0) {
        return other;
      }
    }
    if (answer.length == 0) {
      return closed();
    }
    if (answer[0] != 5) {
      return other(both(answer, connection.hear(MOST_SHOWN, REST)));
    }
    if (answer.length < 2 || answer[1] != 2) {
      return finding(
          Kind.NOT_ISOLATING,
          "the SOCKS proxy %s does not take a username and password, so streams of guests could not be isolated",
          USE_TOR);
    }
    connection.say(CREDENTIALS);
    byte[] verdict = connection.hear(2, timeout);
    if (verdict.length == 2 && verdict[1] == 0) {
      return new ProxyFinding(Kind.ISOLATING, name + " is a SOCKS port that isolates streams", "");
    }
    return verdict.length == 0 && !connection.hasEnded()
        ? finding(
            Kind.SILENT,
            "the SOCKS proxy %s does not answer a username and password",
            "if that is Tor's SocksPort, start tor again")
        : finding(
            Kind.PASSWORD,
            "the SOCKS proxy %s refuses torvtl's username and password: it demands those of an account",
            USE_TOR);
  }

  /** It has accepted, and not answered the greeting. */
  private ProxyFinding silent() {
    byte[] answer = answerTo(HTTP_REQUEST);
    if (answer.length > 0 && !text(answer).contains(TOR_IS_NO_HTTP_PROXY)) {
      return other(answer);
    }
    return finding(
        Kind.SILENT,
        "%s accepts connections, but does not answer the greeting of SOCKS5",
        "if that is Tor's SocksPort, start tor again; " + GIVE_SOCKS_PORT);
  }

  /** It has ended a connection on which it was greeted. */
  private ProxyFinding closed() {
    if (isSocks4(answerTo(SOCKS4_REQUEST))) {
      return socks4();
    }
    byte[] answer = answerTo(HTTP_REQUEST);
    if (answer.length > 0) {
      return other(answer);
    }
    return closesAtOnce()
        ? finding(
            Kind.CLOSES,
            "%s closes each connection at once, as Tor's TransPort does, or a SocksPort whose SocksPolicy refuses this host",
            GIVE_SOCKS_PORT + "; if tor is just starting, try again")
        : finding(
            Kind.CLOSES_GREETED,
            "%s closes a connection that begins with the greeting of SOCKS5: it is no SOCKS5 port",
            GIVE_SOCKS_PORT);
  }

  private boolean closesAtOnce() {
    try (var connection = ProbeConnection.open(proxy, timeout)) {
      var unused = connection.hear(1, SHORT);
      return connection.hasEnded();
    } catch (IOException e) {
      return true;
    }
  }

  /** The first bytes of an answer on a connection of its own; none if there is no answer. */
  private byte[] answerTo(byte[] question) {
    try (var connection = ProbeConnection.open(proxy, timeout)) {
      connection.say(question);
      byte[] first = connection.hear(1, SHORT);
      return first.length == 0 ? first : both(first, connection.hear(MOST_SHOWN, REST));
    } catch (IOException e) {
      return new byte[0];
    }
  }

  private ProxyFinding other(byte[] answer) {
    String text = text(answer);
    if (isSocks4(answer)) {
      return socks4();
    }
    if (text.contains(TORS_CONTROL_PORT) || text.startsWith("514 Authentication required")) {
      return finding(Kind.CONTROL, "%s is Tor's control port, and no SOCKS port", GIVE_SOCKS_PORT);
    }
    if (text.startsWith("HTTP/")) {
      return finding(
          Kind.HTTP,
          "%s is an HTTP port, such as that of an HTTP proxy or Tor's HTTPTunnelPort, and no SOCKS port",
          GIVE_SOCKS_PORT);
    }
    if (answer.length > 1 && (answer[0] == 0x15 || answer[0] == 0x16) && answer[1] == 3) {
      return finding(
          Kind.TLS, "%s is a TLS port, such as Tor's ORPort, and no SOCKS port", GIVE_SOCKS_PORT);
    }
    return finding(Kind.OTHER, "%s is no SOCKS port: it says " + shown(answer), GIVE_SOCKS_PORT);
  }

  private ProxyFinding socks4() {
    return finding(
        Kind.SOCKS4,
        "%s takes SOCKS4 only, which has no password, so streams of guests could not be isolated",
        USE_TOR);
  }

  private ProxyFinding unreachable(IOException cause) {
    if (answersDns()) {
      return finding(
          Kind.DNS,
          "nothing listens at TCP port %s, but a DNS server does at that UDP port, such as Tor's DNSPort",
          GIVE_SOCKS_PORT);
    }
    return finding(
        Kind.UNREACHABLE,
        "cannot reach the Tor proxy %s: " + cause.getMessage(),
        "is tor running with that SocksPort? without -a and -p torvtl runs its own");
  }

  /** Only asked of this host, where a port without a socket is told at once. */
  private boolean answersDns() {
    try {
      if (!(proxy instanceof InetSocketAddress inet)
          || !(inet.getAddress().isLoopbackAddress()
              || NetworkInterface.getByInetAddress(inet.getAddress()) != null)) {
        return false;
      }
      try (var socket = new DatagramSocket()) {
        socket.connect(inet);
        socket.setSoTimeout(Math.toIntExact(SHORT.toMillis()));
        socket.send(new DatagramPacket(DNS_QUERY, DNS_QUERY.length));
        var answer = new DatagramPacket(new byte[512], 512);
        socket.receive(answer);
        return answer.getLength() >= DNS_HEADER
            && answer.getData()[0] == DNS_QUERY[0]
            && answer.getData()[1] == DNS_QUERY[1];
      }
    } catch (IOException e) {
      // Nothing answers there, mostly by an ICMP error.
      return false;
    }
  }

  private ProxyFinding finding(Kind kind, String problem, String fix) {
    return new ProxyFinding(kind, problem.replace("%s", name), fix);
  }

  /** A reply of SOCKS4: version 0, then a code from 90 on. */
  private static boolean isSocks4(byte[] answer) {
    return answer.length > 1 && answer[0] == 0 && answer[1] >= 90 && answer[1] <= 93;
  }

  private static byte[] both(byte[] first, byte[] second) {
    byte[] all = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** The first line if it can be printed, else bytes. */
  private static String shown(byte[] answer) {
    var line = text(answer).lines().findFirst().orElse("").strip();
    return !line.isEmpty() && line.chars().allMatch(c -> c >= ' ' && c <= '~')
        ? "'" + line + "'"
        : HexFormat.ofDelimiter(" ").formatHex(answer, 0, Math.min(answer.length, 8));
  }

  /** RFC 1929, section 2. */
  private static byte[] credentials() {
    var isolation = SocksCredentials.isolation(KEY);
    var bytes = new ByteArrayOutputStream();
    bytes.write(1);
    for (var field : new String[] {isolation.username(), isolation.password()}) {
      bytes.write(field.length());
      bytes.writeBytes(field.getBytes(StandardCharsets.US_ASCII));
    }
    return bytes.toByteArray();
  }
}
