/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

class TorLogTest {
  @Test
  void understandsBootstrapLines() {
    assertThat(
            TorLog.parse(
                "Nov 21 19:40:14.000 [notice] Bootstrapped 14% (handshake): Handshaking with a relay"))
        .contains(new TorLog.Entry.Bootstrap(14, "handshake", "Handshaking with a relay"));
    assertThat(TorLog.parse("Nov 21 [notice] Bootstrapped 100%: Done"))
        .contains(new TorLog.Entry.Bootstrap(100, "", "Done"));
  }

  @Test
  void understandsListenerLines() {
    assertThat(
            TorLog.parse(
                "Nov 21 19:40:03.733 [notice] Opened Socks listener connection (ready) on 127.0.0.1:36275"))
        .contains(
            new TorLog.Entry.Listener(
                "Socks", new InetSocketAddress(InetAddress.getLoopbackAddress(), 36275)));
    assertThat(
            TorLog.parse(
                "Nov 21 [notice] Opened Control listener connection (ready) on /run/x y/control"))
        .contains(
            new TorLog.Entry.Listener("Control", UnixDomainSocketAddress.of("/run/x y/control")));
  }

  @Test
  void understandsWarnings() {
    assertThat(TorLog.parse("Nov 21 [warn] something said \"Bootstrapped 100%\""))
        .contains(new TorLog.Entry.Problem("something said \"Bootstrapped 100%\""));
    assertThat(TorLog.parse("Nov 21 [err] Out of memory"))
        .contains(new TorLog.Entry.Problem("Out of memory"));
  }

  @Test
  void ignoresOtherLines() {
    assertThat(TorLog.parse("Nov 21 [notice] Delaying directory fetches: no route")).isEmpty();
    assertThat(
            TorLog.parse(
                "Nov 21 [warn] You are running Tor as root. You don't need to, and you probably shouldn't."))
        .isEmpty();
    assertThat(TorLog.parse("")).isEmpty();
  }

  @Test
  void tellsTheWarningThatAnErrorRefersTo() {
    assertThat(
            TorLog.reason(
                List.of(
                    "Nov 21 [warn] You are running Tor as root. You don't need to, and you probably shouldn't.",
                    "Nov 21 [warn] Failed to parse/validate config: Unknown option 'Foo'.  Failing.",
                    "Nov 21 [err] Reading config failed--see warnings above.")))
        .contains("Failed to parse/validate config: Unknown option 'Foo'.  Failing.");
    assertThat(TorLog.reason(List.of("Nov 21 [warn] minor", "Nov 21 [err] Out of memory")))
        .contains("Out of memory");
    assertThat(
            TorLog.reason(
                List.of(
                    "Nov 21 [warn] Could not bind to 127.0.0.1:9050: Address already in use. Is Tor already running?",
                    "Nov 21 [warn] Failed to parse/validate config: Failed to bind one of the listener ports.",
                    "Nov 21 [err] Reading config failed--see warnings above.")))
        .hasValueSatisfying(
            reason -> assertThat(reason).contains("127.0.0.1:9050: Address already in use"));
    assertThat(TorLog.reason(List.of("nsenter: cannot open /x: No such file or directory")))
        .contains("nsenter: cannot open /x: No such file or directory");
    assertThat(TorLog.reason(List.of("Nov 21 [notice] all is well"))).isEmpty();
  }

  @Test
  void keepsABoundedTail() {
    var log = new TorLog();
    for (int i = 0; i < 1000; i++) {
      log.add("line " + i);
    }
    assertThat(log.tail()).hasSize(200).startsWith("line 800").endsWith("line 999");
  }
}
