/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** DNS over UDP, to whatever server the guest asks. */
@OnTestbed
class NamesTest {
  private static final Duration DEADLINE = Duration.ofSeconds(40);

  private final Guest guest;

  NamesTest(Testbed testbed) {
    this.guest = testbed.guest();
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.53", "9.9.9.9", "10.0.0.1", "10.200.200.200"})
  void anyServerKnowsTheAddressOfAName(String server) throws Exception {
    assertThat(dig("@" + server, "web.lab.test", "A"))
        .contains("status: NOERROR")
        .containsPattern("web\\.lab\\.test\\.\\s+\\d+\\s+IN\\s+A\\s+198\\.");
  }

  @Test
  void aNameOfAnAddressIsTheOneItHas() throws Exception {
    assertThat(dig("-x", guest.resolve("web.lab.test")))
        .contains("status: NOERROR")
        .containsPattern("IN\\s+PTR\\s+web\\.lab\\.test\\.");
  }

  @ParameterizedTest
  @ValueSource(strings = {"MX", "TXT", "SRV"})
  void aTypeTorCannotAskForHasAnEmptyAnswer(String type) throws Exception {
    assertThat(dig("web.lab.test", type)).contains("status: NOERROR").contains("ANSWER: 0");
  }

  /** A header that promises a question, and a label that ends nowhere. RFC 1035, section 4.1. */
  @Test
  void aMalformedQueryIsAnsweredAsSuch() throws Exception {
    var answer =
        guest
            .script(
                DEADLINE,
                """
                printf '\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x3f' |
                  nc -u -w 3 192.0.2.53 53 | od -An -v -tx1
                """)
            .orThrow()
            .line()
            .split("\\s+");
    assertThat(answer).as("a header and its identification").hasSizeGreaterThanOrEqualTo(12);
    assertThat(answer).startsWith("12", "34");
    assertThat(Integer.parseInt(answer[2], 16) & 0x80).as("the QR bit").isNotZero();
    assertThat(Integer.parseInt(answer[3], 16) & 0xF).as("RCODE FORMERR").isEqualTo(1);
  }

  private String dig(String... query) throws Exception {
    var command = new ArrayList<>(List.of("dig", "+tries=1", "+time=30"));
    command.addAll(List.of(query));
    return guest.start(command).await(DEADLINE).orThrow().out();
  }
}
