/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FlowUsersTest {
  /** As the kernel of this time writes it. */
  @Test
  void readsTheListOfPingSockets() {
    assertThat(
            FlowUsers.pings(
                List.of(
                    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
                    "    0: 00000000:0007 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 31234 2 0000000013f2e986 0",
                    "    1: 0200A8C0:FFFE 9B021E80:0000 01 00000000:00000000 00:00000000 00000000 65534        0 31235 2 0000000013f2e987 0")))
        .isEqualTo(Map.of(7, 1000, 0xFFFE, 65_534));
  }
}
