/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Every byte arrives, once and in order, in both directions and in many connections at once. */
@Tag("alone")
@OnTestbed
class TransferTest {
  private static final int MIB = 1 << 20;
  private static final int LARGE = 100 * MIB;
  private static final int PARALLEL = 200;
  private static final Duration DEADLINE = Duration.ofSeconds(150);
  private static final Duration SOON = Duration.ofSeconds(40);

  private final Guest guest;

  TransferTest(Testbed testbed) {
    this.guest = testbed.guest();
  }

  @Test
  void aHundredMebibytesCome() throws Exception {
    var expected = guest.curl(SOON, "--fail", "http://web.lab.test/sha256/" + LARGE).orThrow();
    var got =
        guest
            .script(
                DEADLINE,
                """
                set -o pipefail
                curl -sS --fail "http://web.lab.test/bytes/$1" | tee >(wc -c >&2) | sha256sum
                """,
                Integer.toString(LARGE))
            .orThrow();
    assertThat(got.err().strip()).isEqualTo(Integer.toString(LARGE));
    assertThat(sha256(got.out())).isEqualTo(sha256(expected.out()));
  }

  @Test
  void aHundredMebibytesGo() throws Exception {
    var result =
        guest
            .script(
                DEADLINE,
                """
                set -e -o pipefail
                head -c "$1" /dev/urandom >/tmp/upload
                trap 'rm /tmp/upload' EXIT
                sha256sum </tmp/upload
                curl -sS --fail -T /tmp/upload -H 'Expect:' http://web.lab.test/sink
                """,
                Integer.toString(LARGE))
            .orThrow()
            .out()
            .lines()
            .toList();
    assertThat(result.getLast().strip()).isEqualTo(LARGE + " " + sha256(result.getFirst()));
  }

  /** Each with a length of its own, so that bytes of one cannot pass for those of another. */
  @Test
  void twoHundredRequestsAtOnceAllSucceed() throws Exception {
    var result =
        guest
            .script(
                DEADLINE,
                """
                for n in $(seq "$1"); do
                  echo "url = http://web.lab.test/bytes/$((20000 + n))"
                  echo "output = /dev/null"
                done | curl -sS --parallel --parallel-immediate --parallel-max "$1" --fail \\
                  --no-keepalive -H 'Connection: close' \\
                  -w '%{http_code} %{size_download} %{num_connects}\\n' --config -
                """,
                Integer.toString(PARALLEL))
            .orThrow();
    var expected =
        java.util.stream.IntStream.rangeClosed(1, PARALLEL)
            .mapToObj(n -> "200 %d 1".formatted(20_000 + n))
            .toList();
    assertThat(result.out().lines()).containsExactlyInAnyOrderElementsOf(expected);
  }

  /**
   * Tor itself has no half-closed streams: the same client straight at its SOCKS port gets nothing.
   * Behind the gateway it gets all, for its FIN waits until the far end has answered.
   */
  @Test
  void aClientThatShutsItsWriteSideGetsTheWholeAnswer() throws Exception {
    var result =
        guest
            .script(
                SOON,
                """
                set -e -o pipefail
                head -c "$1" /dev/urandom >/tmp/half
                trap 'rm /tmp/half' EXIT
                sha256sum </tmp/half
                { printf 'PUT /sink HTTP/1.1\\r\\nHost: web.lab.test\\r\\nConnection: close\\r\\n'
                  printf 'Content-Length: %s\\r\\n\\r\\n' "$1"
                  cat /tmp/half; } | nc -N web.lab.test 80 | tail -n 1
                """,
                Integer.toString(3 * MIB + 1))
            .orThrow()
            .out()
            .lines()
            .toList();
    assertThat(result).hasSize(2);
    assertThat(result.getLast()).isEqualTo((3 * MIB + 1) + " " + sha256(result.getFirst()));
  }

  @Test
  void whatIsSaidComesBackWhileTheConnectionStaysOpen() throws Exception {
    var result =
        guest.script(
            SOON,
            """
            exec 3<>/dev/tcp/web.lab.test/7
            for word in one two three; do
              echo "$word" >&3
              read -r -t 20 -u 3 answer
              echo "$answer"
            done
            """);
    assertThat(result.orThrow().out().lines()).containsExactly("one", "two", "three");
  }

  private static String sha256(String text) {
    var found = java.util.regex.Pattern.compile("\\b[0-9a-f]{64}\\b").matcher(text);
    assertThat(found.find()).as("a SHA-256 in: %s", text).isTrue();
    return found.group();
  }
}
