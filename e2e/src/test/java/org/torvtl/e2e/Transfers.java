/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

/** What a guest sends to and gets from the {@link TransferWorld} arrives whole and unchanged. */
final class Transfers {
  private static final Duration DEADLINE = Duration.ofSeconds(100);

  private Transfers() {}

  /** So many bytes from the guest, and then so many to it. */
  static void bothWays(NetworkNamespace guest, int bytes) throws Exception {
    bothWays(guest, "192.0.2.1", bytes);
  }

  /** As {@link #bothWays(NetworkNamespace, int)}, to and from that address. */
  static void bothWays(NetworkNamespace guest, String address, int bytes) throws Exception {
    up(guest, address, bytes);
    down(guest, address, bytes);
  }

  private static void up(NetworkNamespace guest, String address, int bytes) throws Exception {
    var result =
        guest
            .script(
                DEADLINE,
                """
                set -e -o pipefail
                sent=$(mktemp)
                trap 'rm "$sent"' EXIT
                head -c "$1" /dev/urandom >"$sent"
                sha256sum <"$sent"
                { echo "$1"; cat "$sent"; } | nc -w 60 "$3" "$2"
                """,
                Integer.toString(bytes),
                Integer.toString(TransferWorld.SINK),
                address)
            .orThrow()
            .out()
            .lines()
            .toList();
    assertThat(result).hasSize(2);
    assertThat(result.getLast()).isEqualTo(result.getFirst().split(" ", 2)[0]);
  }

  /** So many bytes to the guest, from that address. */
  static void down(NetworkNamespace guest, String address, int bytes) throws Exception {
    var got =
        guest
            .script(
                DEADLINE,
                "set -e -o pipefail; echo \"$1\" | nc -w 60 \"$3\" \"$2\" | sha256sum",
                Integer.toString(bytes),
                Integer.toString(TransferWorld.SOURCE),
                address)
            .orThrow()
            .line();
    assertThat(got.split(" ", 2)[0]).isEqualTo(TransferWorld.digest(bytes));
  }
}
