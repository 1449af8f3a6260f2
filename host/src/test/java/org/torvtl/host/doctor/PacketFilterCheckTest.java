/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.host.net.OwnNamespace;

@Timeout(60)
class PacketFilterCheckTest {
  private OwnNamespace namespace;

  @BeforeEach
  void makeNamespace() throws IOException {
    namespace = OwnNamespace.open();
  }

  @AfterEach
  void endNamespace() {
    if (namespace != null) {
      namespace.close();
    }
  }

  private PacketFilterCheck check(String... guard) throws IOException {
    return namespace.call(() -> PacketFilterCheck.of(List.of(guard)));
  }

  @Test
  void rulesThatAreTakenAreNotMade() throws Exception {
    assertThat(check("add table inet sample"))
        .isInstanceOfSatisfying(
            PacketFilterCheck.Works.class,
            works -> assertThat(works.version()).startsWith("nftables v"));
    assertThat(namespace.run("nft", "list", "tables")).isEmpty();
  }

  @Test
  void rulesThatAreRefusedAreToldApart() throws Exception {
    assertThat(check("add no such thing"))
        .isInstanceOfSatisfying(
            PacketFilterCheck.Refuses.class,
            refuses -> {
              assertThat(refuses.guard().orElseThrow()).contains("syntax error");
              assertThat(refuses.killSwitch()).isEmpty();
            });
  }
}
