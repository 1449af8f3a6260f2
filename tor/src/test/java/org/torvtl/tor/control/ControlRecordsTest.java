/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;

/** Lines as Tor writes them, and lines as nobody should. */
class ControlRecordsTest {
  private static final String A = "A".repeat(40);

  /** Every character of one byte. */
  private static final String LATIN_1 =
      IntStream.rangeClosed(0, 0xFF).mapToObj(Character::toString).collect(Collectors.joining());

  private static final String B = "0123456789ABCDEF0123456789ABCDEF01234567";

  @Test
  void readsABuiltCircuitWithItsIsolation() {
    var line =
        "12 BUILT $%s~guard,$%s~exit BUILD_FLAGS=NEED_CAPACITY PURPOSE=GENERAL TIME_CREATED=2026-01-02T03:04:05.678900 SOCKS_USERNAME=\"<torS0X>0\" SOCKS_PASSWORD=\"a \\\"quoted\\\" \\\\ key\""
            .formatted(A, B);
    assertThat(CircuitStatus.parse(line))
        .contains(
            new CircuitStatus(
                "12",
                "BUILT",
                List.of(new RelayName(A, "guard"), new RelayName(B, "exit")),
                "GENERAL",
                "<torS0X>0",
                "a \"quoted\" \\ key"));
    assertThat(CircuitStatus.parse(line).orElseThrow().isBuilt()).isTrue();
  }

  @Test
  void readsACircuitWithoutAPath() {
    assertThat(CircuitStatus.parse("7 LAUNCHED BUILD_FLAGS=IS_INTERNAL PURPOSE=HS_CLIENT_REND"))
        .contains(new CircuitStatus("7", "LAUNCHED", List.of(), "HS_CLIENT_REND", null, null));
    assertThat(CircuitStatus.parse("8 SOMETHING_NEW"))
        .contains(new CircuitStatus("8", "SOMETHING_NEW", List.of(), null, null, null));
    assertThat(CircuitStatus.parse("8")).isEmpty();
    assertThat(CircuitStatus.parse("")).isEmpty();
  }

  @Test
  void readsRelayNamesOfAllForms() {
    assertThat(RelayName.parse("$" + A)).contains(new RelayName(A, null));
    assertThat(RelayName.parse("$" + A + "=named")).contains(new RelayName(A, "named"));
    assertThat(RelayName.parse("$" + B.toLowerCase(java.util.Locale.ROOT) + "~x"))
        .contains(new RelayName(B, "x"));
    assertThat(RelayName.parse("nickname")).isEmpty();
    assertThat(RelayName.parse("$" + A + "A")).isEmpty();
    assertThat(RelayName.parse("$" + "G".repeat(40))).isEmpty();
  }

  @Test
  void readsStreams() {
    assertThat(
            StreamStatus.parse("31 SUCCEEDED 12 www.example.com:443 PURPOSE=USER SESSION_GROUP=-4"))
        .contains(new StreamStatus("31", "SUCCEEDED", "12", "www.example.com:443"));
    assertThat(StreamStatus.parse("32 NEW 0 [2001:db8::1]:80"))
        .contains(new StreamStatus("32", "NEW", "0", "[2001:db8::1]:80"));
    assertThat(StreamStatus.parse("33 NEW 0 A=b.onion:80").orElseThrow().target())
        .isEqualTo("A=b.onion:80");
    assertThat(StreamStatus.parse("34 NEW 0")).isEmpty();
  }

  @Test
  void readsTheConsensus() {
    var text =
        """
        r alpha AAAAAAAAAAAAAAAAAAAAAAAAAAA qqqqqqqqqqqqqqqqqqqqqqqqqqo 2026-01-02 03:04:05 192.0.2.1 9001 0
        a [2001:db8::1]:9001
        s Exit Fast Guard Running Valid
        w Bandwidth=100
        p accept 80,443
        r beta //////////////////////////8 2026-01-02 03:04:05 192.0.2.2 443 80
        s
        r broken not-base64! 2026-01-02 03:04:05 192.0.2.3 443 80
        s Exit
        r short AAAA
        """;
    assertThat(RelayStatus.parseAll(text))
        .containsExactly(
            new RelayStatus(
                "alpha",
                "0".repeat(40),
                "192.0.2.1",
                9001,
                Set.of("Exit", "Fast", "Guard", "Running", "Valid")),
            new RelayStatus("beta", "F".repeat(40), "192.0.2.2", 443, Set.of()));
    assertThat(RelayStatus.parseAll("")).isEmpty();
  }

  @Test
  void readsTheBootstrap() {
    assertThat(
            BootstrapStatus.parse(
                "NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\" FUTURE=thing"))
        .contains(new BootstrapStatus(100, "done", "Done", null));
    assertThat(
            BootstrapStatus.parse(
                "WARN BOOTSTRAP PROGRESS=3 TAG=conn_proxy SUMMARY=\"Connecting to proxy\" WARNING=\"Connection refused\" REASON=CONNECTREFUSED COUNT=15"))
        .contains(
            new BootstrapStatus(3, "conn_proxy", "Connecting to proxy", "Connection refused"));
    assertThat(BootstrapStatus.parse("NOTICE CIRCUIT_ESTABLISHED")).isEmpty();
    assertThat(BootstrapStatus.parse("NOTICE BOOTSTRAP TAG=done")).isEmpty();
    assertThat(BootstrapStatus.parse("NOTICE BOOTSTRAP PROGRESS=101")).isEmpty();
    assertThat(BootstrapStatus.parse("NOTICE BOOTSTRAP PROGRESS=99999999999")).isEmpty();
  }

  @Test
  void unescapesBothKindsOfStrings() {
    assertThat(ControlLine.unescape("a\\\\b\\\"c\\'d\\n\\t\\r\\0\\1018\\400\\x\\"))
        .isEqualTo("a\\b\"c'd\n\t\r\0A8 0x\\");
  }

  /** As Tor escapes: quotes and backslashes, and all that is not printable in octal. */
  @Test
  void readsBackWhatTorEscapes() {
    Draws.repeat(
        1000,
        draw -> {
          var text = draw.text(LATIN_1, 40);
          var escaped = new StringBuilder();
          for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
              escaped.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
              escaped.append("\\%03o".formatted((int) c));
            } else {
              escaped.append(c);
            }
          }
          var line = ControlLine.parse("1 2 K=\"%s\" L=end".formatted(escaped), 2);
          assertThat(line.fields()).containsEntry("K", text).containsEntry("L", "end");
        });
  }

  @Test
  void anythingCanBeParsed() {
    Draws.repeat(
        1000,
        draw -> {
          var line = draw.text(" \"\\=A$~,1rs\n", 80);
          assertThat(ControlLine.parse(line, 2).fields().keySet())
              .allMatch(key -> key.matches("[A1]+"));
          assertThat(CircuitStatus.parse(line)).isNotNull();
          assertThat(StreamStatus.parse(line)).isNotNull();
          assertThat(BootstrapStatus.parse(line)).isEmpty();
          assertThat(RelayStatus.parseAll("r " + line)).isEmpty();
        });
  }
}
