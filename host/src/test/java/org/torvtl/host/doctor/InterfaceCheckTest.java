/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.OwnNamespace;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.netlink.NetlinkWait;

/** On interfaces of a network namespace; what speaks against one is HostOnlyTest's. */
@Timeout(60)
class InterfaceCheckTest {
  private static final int MOST_NEWS = 10, PATIENCE_MILLIS = 3_000;

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

  private InterfaceCheck check(String name) throws IOException {
    return namespace.call(() -> InterfaceCheck.of(new NetworkInterface(name), false));
  }

  private InterfaceCheck.Found found(String name) throws IOException {
    return (InterfaceCheck.Found) check(name);
  }

  /** Brings it up, and waits for the kernel to find out that it has no carrier. */
  private InterfaceCheck.Found withoutCarrier(String name) throws IOException {
    try (var news =
            namespace.call(
                () -> NetlinkSocket.open(NetlinkSocket.ROUTE, 0, NetlinkSocket.GROUP_LINK));
        var wait = new NetlinkWait(List.of(news))) {
      namespace.run("ip", "link", "set", name, "up");
      for (int i = 0; i < MOST_NEWS && found(name).waitsFor() == InterfaceCheck.Wait.NONE; i++) {
        wait.await(PATIENCE_MILLIS);
        while (news.read() != null) {}
      }
      return found(name);
    }
  }

  @Test
  void oneThatIsNotThereIsMissing() throws Exception {
    assertThat(check("none0")).isEqualTo(new InterfaceCheck.Missing());
  }

  @Test
  void theLoopbackInterfaceIsNotEthernet() throws Exception {
    assertThat(check("lo")).isEqualTo(new InterfaceCheck.NotEthernet());
  }

  @Test
  void aBridgeWaitsForAPort() throws Exception {
    namespace.run("ip", "link", "add", "br0", "type", "bridge");
    assertThat(found("br0").waitsFor()).isEqualTo(InterfaceCheck.Wait.DOWN);
    // The kernel has a bridge without any port for one that runs.
    namespace.run("ip", "link", "add", "port0", "type", "veth", "peer", "name", "there0");
    namespace.run("ip", "link", "set", "port0", "master", "br0", "up");
    var found = withoutCarrier("br0");
    assertThat(found.waitsFor()).isEqualTo(InterfaceCheck.Wait.PORT);
    assertThat(found.isTap()).isFalse();
    assertThat(found.isSharedWithHost()).isTrue();
  }

  @Test
  void aCableWaitsForItsOtherEnd() throws Exception {
    namespace.run("ip", "link", "add", "here0", "type", "veth", "peer", "name", "there0");
    assertThat(withoutCarrier("here0").waitsFor()).isEqualTo(InterfaceCheck.Wait.GUEST);
  }

  @Test
  void aTapWaitsForAProgram() throws Exception {
    namespace.run("ip", "tuntap", "add", "dev", "tap7", "mode", "tap", "user", "0");
    var found = withoutCarrier("tap7");
    assertThat(found.waitsFor()).isEqualTo(InterfaceCheck.Wait.PROGRAM);
    assertThat(found.isTap()).isTrue();
    assertThat(found.isOpenToAll()).isFalse();
  }
}
