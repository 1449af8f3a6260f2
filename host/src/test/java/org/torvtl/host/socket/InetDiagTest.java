/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sockets of real processes of other users, which root makes. */
class InetDiagTest {
  private static final int OTHER = 61_234;

  /** Prints its port; accepts when it is told to, and prints again. */
  private static final String LISTENER =
      """
      import os, socket, sys
      s = socket.create_server((sys.argv[1], 0), family=int(sys.argv[2]),
                               dualstack_ipv6=sys.argv[3] == 'both')
      if sys.argv[4] != '0': os.setuid(int(sys.argv[4]))
      print(s.getsockname()[1], flush=True)
      sys.stdin.readline()
      c = s.accept()[0]
      print('accepted', flush=True)
      sys.stdin.readline()
      """;

  /** A listener of another user, or one that becomes that user before it accepts, as tor does. */
  private static final class Other implements AutoCloseable {
    private final Process process;
    private final BufferedReader out;
    private final int port;

    Other(String address, boolean ipv6, boolean both, boolean late) throws IOException {
      var command = new ArrayList<String>();
      if (!late) {
        command.addAll(List.of("setpriv", "--reuid=" + OTHER, "--clear-groups"));
      }
      command.addAll(
          List.of(
              "/usr/bin/python3",
              "-c",
              LISTENER,
              address,
              ipv6 ? "10" : "2",
              both ? "both" : "one",
              late ? "" + OTHER : "0"));
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      out = process.inputReader(StandardCharsets.US_ASCII);
      port = Integer.parseInt(out.readLine());
    }

    void accept() throws IOException {
      process.getOutputStream().write('\n');
      process.getOutputStream().flush();
      assertThat(out.readLine()).isEqualTo("accepted");
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, false, false, false",
    "127.0.0.1, false, false, true",
    "0.0.0.0, false, false, false",
    "::1, true, false, false",
    "::, true, true, false"
  })
  void tellsWhoListensAndWhoAccepted(String address, boolean ipv6, boolean both, boolean late)
      throws Exception {
    var at = InetAddress.getByName(address.contains("::1") ? "::1" : "127.0.0.1");
    try (var other = new Other(address, ipv6, both, late);
        var diag = InetDiag.open();
        var socket = new Socket(at, other.port)) {
      var server = new InetSocketAddress(at, other.port);
      var client = new InetSocketAddress(socket.getLocalAddress(), socket.getLocalPort());
      assertThat(diag.listener(server, client)).hasValue(late ? 0 : OTHER);
      // Not before it has: what an earlier kernel tells of such a socket is not its user.
      assertThat(diag.acceptor(server, client)).isEmpty();
      other.accept();
      assertThat(diag.acceptor(server, client)).hasValue(OTHER);
      other.process.destroyForcibly().waitFor();
      assertThat(diag.listener(server, client)).isEmpty();
      assertThat(diag.acceptor(server, client)).isEmpty();
    }
  }
}
