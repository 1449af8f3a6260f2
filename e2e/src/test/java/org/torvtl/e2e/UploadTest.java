/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Servers that wait for the client's close: a guest's upload ends about as soon as that of a
 * program that speaks SOCKS; and servers that answer late to a client that has ended its side.
 */
@OnTestbed
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UploadTest {
  private static final Duration TOLERANCE = Duration.ofSeconds(2);
  private static final Duration DEADLINE = Duration.ofSeconds(40);
  private static final Duration ANSWER_AFTER = Duration.ofSeconds(10);
  private static final String HOST = "web.lab.test", INCOMING = "ftp://" + HOST + "/incoming/";
  private static final String SOCKS = PrivateLab.SOCKS_ADDRESS + ":" + PrivateLab.SOCKS_PORT;
  private static final int REQUEST_PORT = 7070;

  /** The server of a protocol that asks for time: a request ends with a line of its own. */
  private static final String LATE_SERVER =
      """
      import hashlib, socket, sys, threading
      port, seconds, answer = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3], 'rb').read()
      def serve(connection):
        request = b''
        while not request.endswith(b'\\nEND\\n') and (more := connection.recv(65536)):
          request += more
        print(hashlib.sha256(request).hexdigest())
        threading.Event().wait(seconds)
        connection.sendall(answer)
        connection.close()
      listener = socket.create_server(('', port))
      print('Listening')
      while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
      """;

  /** Who uploads. */
  private enum Client {
    GUEST,
    /** A program beside the gateway, which uses the same SOCKS port. */
    SOCKS
  }

  private final Testbed testbed;
  private final Machine machine;
  private final Guest guest;
  private FtpServer ftp;

  @SuppressWarnings("NullAway.Init") // start() sets the rest
  UploadTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
    this.guest = testbed.guest();
  }

  @BeforeAll
  void start() throws Exception {
    assumeTrue(FtpServer.isHere(), "no vsftpd (make setup)");
    ftp = FtpServer.start(machine, testbed.lab());
    // Neither is to build its first circuit while it is timed.
    for (var client : Client.values()) {
      startCurl(client, "--fail", "http://" + HOST + "/").await(DEADLINE).orThrow();
    }
  }

  @AfterAll
  void stop() {
    if (ftp != null) {
      ftp.close();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 1_000_000})
  void byFtp(int bytes) throws Exception {
    var file = file(bytes);
    var direct = startUpload(Client.SOCKS, file, bytes + "-socks").await(DEADLINE).orThrow();
    var upload = startUpload(Client.GUEST, file, bytes + "-guest").await(DEADLINE);
    assertThat(upload.exitStatus()).as("%s%n%s", upload, ftp.log()).isZero();
    assertThat(ftp.digest(bytes + "-guest")).isEqualTo(digest(file));
    assertThat(ftp.digest(bytes + "-socks")).isEqualTo(digest(file));
    assertThat(upload.took()).isLessThanOrEqualTo(direct.took().plus(TOLERANCE));

    var back = file + "-back";
    guest.curl(DEADLINE, "--output", back, INCOMING + bytes + "-guest").orThrow();
    assertThat(digest(back)).isEqualTo(digest(file));
    assertThat(guest.curl(DEADLINE, "--list-only", INCOMING).orThrow().out().lines())
        .containsExactlyInAnyOrderElementsOf(ftp.files());
  }

  /**
   * The connection by which the guest controls the first one is not the last it has with the server
   * when the other ends. Both are small: their size does not tell that they are uploads.
   */
  @Test
  void byFtpTwoAtATime() throws Exception {
    var slowFile = file(60_000);
    var quickFile = file(100);
    var direct = uploadAround(() -> {}, Client.SOCKS, slowFile, "slow-socks");
    var took =
        uploadAround(
            () -> startUpload(Client.GUEST, quickFile, "quick-guest").await(DEADLINE).orThrow(),
            Client.GUEST,
            slowFile,
            "slow-guest");
    assertThat(took).isLessThanOrEqualTo(direct.plus(TOLERANCE));
    assertThat(ftp.digest("quick-guest")).isEqualTo(digest(quickFile));
    assertThat(ftp.digest("slow-guest")).isEqualTo(digest(slowFile));
  }

  /** Something that happens while a file is half uploaded. */
  private interface Interlude {
    void run() throws Exception;
  }

  /** Uploads half of a file, and the rest after the interlude; returns how long the rest took. */
  private Duration uploadAround(Interlude interlude, Client client, String file, String name)
      throws Exception {
    var gate = file + "-" + name;
    machine.script("mkfifo \"$1\"", gate);
    var curl = String.join(" ", curl(client, "-T", "-", INCOMING + name));
    try (var upload =
        start(
            client,
            List.of(
                "bash",
                "-c",
                "(head -c 30000 \"$1\"; read -r <\"$2\"; tail -c +30001 \"$1\") | " + curl,
                "bash",
                file,
                gate))) {
      Waiting.until("the upload to begin", DEADLINE, () -> ftp.files().contains(name));
      interlude.run();
      long startNanos = System.nanoTime();
      machine.script("echo >\"$1\"", gate);
      upload.await(DEADLINE).orThrow();
      return Duration.ofNanos(System.nanoTime() - startNanos);
    }
  }

  @Test
  void byFtpForSeconds() throws Exception {
    var file = file(20_000_000);
    var direct =
        startUpload(Client.SOCKS, file, "long-socks", "--limit-rate", "5M")
            .await(DEADLINE)
            .orThrow();
    var upload =
        startUpload(Client.GUEST, file, "long-guest", "--limit-rate", "5M")
            .await(DEADLINE)
            .orThrow();
    assertThat(upload.took())
        .isGreaterThan(Duration.ofSeconds(3))
        .isLessThanOrEqualTo(direct.took().plus(TOLERANCE));
    assertThat(ftp.digest("long-guest")).isEqualTo(digest(file));
  }

  /** A printer, a collector of syslog, and a file between two netcats. */
  @ParameterizedTest
  @CsvSource({"9100, 1000", "9100, 100000", "514, 200", "514, 100000", "7777, 100000"})
  void byNetcat(int port, int bytes) throws Exception {
    var file = file(bytes);
    var direct = sendByNetcat(Client.SOCKS, port, file);
    var took = sendByNetcat(Client.GUEST, port, file);
    assertThat(took).isLessThanOrEqualTo(direct.plus(TOLERANCE));
  }

  /** Sends a file whole, and returns the time until both ends have ended. */
  private Duration sendByNetcat(Client client, int port, String file) throws Exception {
    try (var server =
        testbed
            .lab()
            .startInWorld(
                List.of("bash", "-c", "nc -n -d -v -l \"$1\" | sha256sum", "bash", "" + port))) {
      server.awaitLine("Listening", DEADLINE);
      long startNanos = System.nanoTime();
      startNetcat(client, port, file).await(DEADLINE).orThrow();
      var received = server.await(DEADLINE).orThrow().line();
      var took = Duration.ofNanos(System.nanoTime() - startNanos);
      assertThat(received).as("%s", client).startsWith(digest(file));
      return took;
    }
  }

  @Test
  void anAnswerThatComesLateIsWaitedFor() throws Exception {
    var answer = file(100_000);
    var question = "/tmp/question";
    var post = "/tmp/post";
    machine.script(
        """
        printf 'print the queue\\nEND\\n' >"$1"
        (printf 'POST / HTTP/1.0\\r\\n\\r\\n'; cat "$3"; printf '\\nEND\\n') >"$2"
        """,
        question,
        post,
        answer);
    try (var server =
        testbed
            .lab()
            .startInWorld(
                List.of(
                    "python3",
                    "-u",
                    "-c",
                    LATE_SERVER,
                    "" + REQUEST_PORT,
                    "" + ANSWER_AFTER.toSeconds(),
                    answer))) {
      server.awaitLine("Listening", DEADLINE);
      try (var first = startNetcat(Client.GUEST, REQUEST_PORT, question);
          var second = startNetcat(Client.GUEST, REQUEST_PORT, post)) {
        for (var request : List.of(first, second)) {
          var result = request.await(DEADLINE);
          assertThat(result.exitStatus()).as("%s", result.err()).isZero();
          assertThat(result.line()).startsWith(digest(answer));
        }
      }
      assertThat(server.output()).contains(digest(question), digest(post));
    }
  }

  private RunningCommand startUpload(Client client, String file, String name, String... options)
      throws IOException {
    var arguments = new ArrayList<>(List.of(options));
    arguments.addAll(List.of("-T", file, INCOMING + name));
    return startCurl(client, arguments.toArray(String[]::new));
  }

  private RunningCommand startCurl(Client client, String... arguments) throws IOException {
    return start(client, curl(client, arguments));
  }

  private static List<String> curl(Client client, String... arguments) {
    var command = new ArrayList<>(List.of("curl", "--silent", "--show-error"));
    if (client == Client.SOCKS) {
      command.addAll(List.of("--socks5-hostname", SOCKS));
    }
    command.addAll(List.of(arguments));
    return command;
  }

  /** Sends a file, ends its side, and prints the digest of what comes back. */
  private RunningCommand startNetcat(Client client, int port, String file) throws IOException {
    var proxy = client == Client.SOCKS ? "-X 5 -x " + SOCKS : "";
    return start(
        client,
        List.of(
            "bash",
            "-c",
            "set -o pipefail; nc -N %s %s %d <\"$1\" | sha256sum".formatted(proxy, HOST, port),
            "bash",
            file));
  }

  private RunningCommand start(Client client, List<String> command) throws IOException {
    return client == Client.GUEST ? guest.start(command) : machine.start(command);
  }

  /** A file of so many random bytes, in a folder that guests see too. */
  private String file(int bytes) throws Exception {
    return machine
        .script(
            "file=$(mktemp); head -c \"$1\" /dev/urandom >\"$file\"; echo \"$file\"", "" + bytes)
        .line();
  }

  /** SHA-256 in hexadecimal digits. */
  private String digest(String file) throws Exception {
    return machine.script("sha256sum <\"$1\" | head -c 64", file).line();
  }
}
