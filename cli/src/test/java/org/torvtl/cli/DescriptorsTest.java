/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.gateway.GuestDevice;
import org.torvtl.gateway.PerGuestIsolation;
import org.torvtl.host.system.DescriptorLimit;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackConfig;

class DescriptorsTest {
  private final StringWriter said = new StringWriter();

  private static GuestDevice device(int lanes) {
    var links = new ArrayList<Link>();
    for (int i = 0; i < lanes; i++) {
      links.add(MemoryLink.pair(Link.Medium.ETHERNET, 1500)[0]);
    }
    return new GuestDevice(
        "br0",
        links,
        StackConfig.of(StackConfig.DEFAULT_ADDRESS),
        new PerGuestIsolation("br0", new SecureRandom()));
  }

  private int fit(long most, long open, GuestDevice... devices) {
    var all = new ArrayList<>(List.of(devices));
    Descriptors.fit(all, new DescriptorLimit(most, open), new PrintWriter(said));
    assertThat(all).hasSameSizeAs(devices);
    var config = all.getLast().config();
    assertThat(config.maxPending()).isLessThanOrEqualTo(config.maxConnections());
    return config.maxConnections();
  }

  @Test
  void aLimitThatIsEnoughIsNotMentioned() {
    assertThat(fit(524_288, 60, device(1))).isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
    assertThat(fit(Long.MAX_VALUE, 60, device(1))).isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
    assertThat(said.toString()).isEmpty();
  }

  @Test
  void aLowLimitLowersTheTablesAndIsTold() {
    int connections = fit(200, 60, device(1));
    assertThat(60 + Descriptors.needed(connections, 1)).isBetween(190L, 200L);
    assertThat(said.toString())
        .contains("may have 200 files open")
        .contains("enough for " + connections + " connections")
        .contains("LimitNOFILE")
        .hasLineCount(1);
  }

  @Test
  void followingTheAdviceIsEnough() {
    fit(4096, 60, device(4), device(1));
    var advised = said.toString().replaceFirst("(?s).* to (\\d+)\\).*", "$1");
    assertThat(fit(Long.parseLong(advised), 60, device(4), device(1)))
        .isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
  }

  @Test
  void whatFitsNeedsNoMoreThanThereIs() {
    for (int lanes = 1; lanes <= 16; lanes++) {
      for (int descriptors = 1000; descriptors < 40_000; descriptors += 331) {
        int connections = Descriptors.connections(descriptors, lanes);
        assertThat(Descriptors.needed(connections, lanes)).isLessThanOrEqualTo(descriptors);
      }
    }
  }
}
