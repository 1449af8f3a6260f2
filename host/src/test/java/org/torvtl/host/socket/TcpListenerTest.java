/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TcpListenerTest {
  /** Each line is of its own user; port 9050 is 235A. */
  private static final List<String> LINES =
      List.of(
          "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
          line("0200007F:235A", "0A", 1),
          line("0100007F:235B", "0A", 2),
          line("0100007F:235A", "01", 3),
          line("0100007F:235A", "0A", 4),
          line("00000000:235A", "0A", 5),
          line("0000000000000000FFFF00000300007F:235A", "0A", 6),
          line("00000000000000000000000001000000:235A", "0A", 7),
          line("00000000000000000000000000000000:235A", "0A", 8),
          line("00000000000000000000000000000000:235C", "0A", 9),
          line("0000000000000000FFFF000000000000:235D", "0A", 10));

  private static String line(String local, String state, int user) {
    return "   0: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000   %d        0 %d 1 0 100"
        .formatted(local, state, user, 1000 + user);
  }

  @BeforeEach
  void theLinesAreOfSuchAProcessor() {
    assumeThat(ByteOrder.nativeOrder()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
  }

  private static List<Integer> users(String address, int port, List<String> lines)
      throws Exception {
    return TcpListener.at(new InetSocketAddress(InetAddress.getByName(address), port), lines)
        .stream()
        .map(TcpListener::uid)
        .toList();
  }

  @Test
  void itIsTheOneAtThatVeryAddressAndPort() throws Exception {
    assertThat(users("127.0.0.1", 9050, LINES)).containsExactly(4);
    assertThat(users("127.0.0.2", 9050, LINES)).containsExactly(1);
    assertThat(users("127.0.0.1", 9051, LINES)).containsExactly(2);
    assertThat(users("::1", 9050, LINES)).containsExactly(7);
    assertThat(users("127.0.0.1", 9054, LINES)).isEmpty();
    assertThat(users("::1", 9051, LINES)).isEmpty();
  }

  @Test
  void aMappedAddressIsIpv4() throws Exception {
    assertThat(users("127.0.0.3", 9050, LINES)).containsExactly(6);
    assertThat(users("127.0.0.1", 9053, LINES)).containsExactly(10);
  }

  @Test
  void oneForAllAddressesTakesWhatNoOtherTakes() throws Exception {
    assertThat(users("127.0.0.4", 9050, LINES)).containsExactly(5);
    assertThat(users("2001:db8::1", 9050, LINES)).containsExactly(8);
    assertThat(users("127.0.0.1", 9052, LINES)).as("of both families").containsExactly(9);
    assertThat(users("::1", 9053, LINES)).as("of IPv4 only").isEmpty();
  }

  @Test
  void thoseThatShareAnAddressAreAllThere() throws Exception {
    var lines = new ArrayList<>(LINES);
    lines.add(line("0100007F:235A", "0A", 11));
    assertThat(users("127.0.0.1", 9050, lines)).containsExactly(4, 11);
  }

  @Test
  void aSocketOfThisProcessIsFoundWithItsHolder() throws Exception {
    int self = (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    for (var address : List.of("127.0.0.1", "0.0.0.0", "::1", "::")) {
      try (var server = new ServerSocket(0, 1, InetAddress.getByName(address))) {
        boolean ipv6 = address.equals("::1");
        var to =
            new InetSocketAddress(
                InetAddress.getByName(ipv6 ? "::1" : "127.0.0.1"), server.getLocalPort());
        assertThat(TcpListener.at(to))
            .as(address)
            .singleElement()
            .satisfies(listener -> {
              assertThat(listener.uid()).isEqualTo(self);
              assertThat(listener.holders()).contains(self);
            });
      }
    }
  }
}
