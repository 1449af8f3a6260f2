/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On files as sysfs has them; on a real kernel, e2e's IsolationTest. */
class UpperDevicesTest {
  private final Path interfaces;
  private long now = 5;

  UpperDevicesTest(@TempDir Path interfaces) {
    this.interfaces = interfaces;
  }

  @BeforeEach
  void host() throws IOException {
    Files.writeString(interfaces.resolve("bonding_masters"), "");
    add("lo", 1);
    add("tap0", 7);
    add("br0", 8);
  }

  private void add(String name, int index) throws IOException {
    Files.createDirectory(interfaces.resolve(name));
    Files.writeString(interfaces.resolve(name).resolve("ifindex"), index + "\n");
  }

  private void putOn(String upper, String lower) throws IOException {
    Files.createSymbolicLink(
        interfaces.resolve(lower).resolve("upper_" + upper), Path.of("../" + upper));
  }

  private void makePort(String port, String bridge) throws IOException {
    putOn(bridge, port);
    Files.createSymbolicLink(interfaces.resolve(port).resolve("master"), Path.of("../" + bridge));
  }

  private UpperDevices ofTap() throws IOException {
    return new UpperDevices(interfaces, "tap0", 7, () -> now);
  }

  private void secondsPass(int seconds) {
    now += TimeUnit.SECONDS.toNanos(seconds);
  }

  @Test
  void anInterfaceByItselfHasNone() throws IOException {
    putOn("bond0", "br0");
    var upper = ofTap();
    assertThat(upper.any()).isFalse();
    secondsPass(2);
    assertThat(upper.any()).isFalse();
  }

  @Test
  void aBridgeIsSeenAtOnce() throws IOException {
    var upper = ofTap();
    assertThat(upper.any()).isFalse();
    makePort("tap0", "br0");
    assertThat(upper.any()).isTrue();
    assertThat(ofTap().any()).isTrue();
  }

  @Test
  void whatElseStandsOnItIsSeenWithinASecond() throws IOException {
    var upper = ofTap();
    putOn("macvtap0", "tap0");
    assertThat(ofTap().any()).isTrue();
    secondsPass(1);
    assertThat(upper.any()).isTrue();
  }

  @Test
  void anInterfaceWithAnotherNameIsTheSame() throws IOException {
    var upper = ofTap();
    Files.move(interfaces.resolve("tap0"), interfaces.resolve("cable"));
    secondsPass(1);
    assertThat(upper.any()).isFalse();
    makePort("cable", "br0");
    assertThat(upper.any()).isTrue();
  }

  @Test
  void anotherInterfaceWithItsNameIsNot() throws IOException {
    var upper = ofTap();
    Files.move(interfaces.resolve("tap0"), interfaces.resolve("cable"));
    add("tap0", 9);
    putOn("macvtap0", "tap0");
    secondsPass(1);
    assertThat(upper.any()).isFalse();
    putOn("macvtap1", "cable");
    secondsPass(1);
    assertThat(upper.any()).isTrue();
  }

  @Test
  void oneInAnotherNamespaceHasNone() throws IOException {
    var upper = ofTap();
    Files.delete(interfaces.resolve("tap0").resolve("ifindex"));
    Files.delete(interfaces.resolve("tap0"));
    secondsPass(1);
    assertThat(upper.any()).isFalse();
  }

  /** Somebody may be there. */
  @Test
  void whatCannotBeReadCountsAsOne() throws IOException {
    var upper = ofTap();
    Files.writeString(interfaces.resolve("lo").resolve("ifindex"), "1\n");
    Files.delete(interfaces.resolve("tap0").resolve("ifindex"));
    Files.createDirectory(interfaces.resolve("tap0").resolve("ifindex"));
    secondsPass(1);
    assertThat(upper.any()).isTrue();
  }
}
