/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Native libraries are opened where the build put them. Unpacked at each start, one would stay in
 * the temporary folder when the program is interrupted just then.
 */
class NativeLibraryTest {

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  /** The files of Netty's native libraries that a process has mapped. */
  private static List<String> librariesOf(ProcessHandle process) throws Exception {
    try (var lines = Files.lines(Path.of("/proc/" + process.pid() + "/maps"))) {
      return lines
          .filter(line -> line.contains("netty"))
          .map(line -> line.replaceFirst("^[^/]*", ""))
          .filter(file -> file.contains(".so"))
          .distinct()
          .toList();
    }
  }

  private static void assertOpenedInPlace(ProcessHandle process) throws Exception {
    assertThat(librariesOf(process))
        .singleElement()
        .asString()
        .matches(".*/cli/target/dist/native/[^/]*epoll[^/]*");
  }

  @Test
  void aGatewayOpensItInPlace() throws Exception {
    machine.startListener("127.0.0.1", "9055");
    machine.script("ip tuntap add dev tap0 mode tap");
    try (var gateway = Gateway.start(machine, "tap0", "-a", "127.0.0.1", "-p", "9055")) {
      assertOpenedInPlace(gateway.process());
    }
  }

  @Test
  void anOnionProxyAndItsRoutersOpenItInPlace() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "1")) {
      assertOpenedInPlace(proxy.process());
      assertThat(proxy.routers()).hasSize(1);
      for (var router : proxy.routers()) {
        assertOpenedInPlace(router);
      }
    }
  }
}
