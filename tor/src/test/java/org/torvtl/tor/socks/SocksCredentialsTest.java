/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SocksCredentialsTest {
  @Test
  void holdsOneTo255Bytes() {
    assertThat(new SocksCredentials("u".repeat(255), "p").username()).hasSize(255);
    assertThatIllegalArgumentException().isThrownBy(() -> new SocksCredentials("", "p"));
    assertThatIllegalArgumentException().isThrownBy(() -> new SocksCredentials("u", ""));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new SocksCredentials("u", "p".repeat(256)));
    assertThatIllegalArgumentException().isThrownBy(() -> new SocksCredentials("ü", "p"));
    assertThatIllegalArgumentException().isThrownBy(() -> new SocksCredentials("u", "p\n"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"<torS0X>", "<torS0X>1", "<torS0X>0x"})
  void leavesTorItsReservedNames(String username) {
    assertThatIllegalArgumentException().isThrownBy(() -> new SocksCredentials(username, "p"));
  }

  @Test
  void doesNotShowTheIsolationKey() {
    assertThat(SocksCredentials.isolation("secret").toString()).doesNotContain("secret");
  }
}
