/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

class LocalAddressesTest {
  @Test
  void whatIsOnThisHostIsToldFromTheRest() throws Exception {
    for (var address : List.of("127.0.0.1", "127.1.2.3", "::1")) {
      assertThat(LocalAddresses.isLocal(InetAddress.getByName(address))).isTrue();
    }
    assertThat(LocalAddresses.isLocal(InetAddress.getByName("192.0.2.1"))).isFalse();
  }
}
