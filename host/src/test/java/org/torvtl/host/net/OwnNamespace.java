/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.torvtl.host.system.Command;
import org.torvtl.host.user.Privileges;

/** A network namespace of a test's own, with its loopback interface up. */
public final class OwnNamespace implements AutoCloseable {
  private final Process holder;
  private final NetworkNamespace namespace;

  private OwnNamespace(Process holder) {
    this.holder = holder;
    namespace = NetworkNamespace.of(Long.toString(holder.pid()));
  }

  /** Skips the test where none can be made. */
  public static OwnNamespace open() throws IOException {
    assumeTrue(Privileges.isRoot(), "to make a network namespace takes CAP_SYS_ADMIN");
    var holder = new ProcessBuilder("unshare", "--net", "sh", "-c", "echo ready; exec cat").start();
    assertThat(holder.inputReader().readLine()).isEqualTo("ready");
    var opened = new OwnNamespace(holder);
    opened.run("ip", "link", "set", "lo", "up");
    return opened;
  }

  /** Does something in there. */
  public <T> T call(Callable<T> task) throws IOException {
    return namespace.call(task);
  }

  /** Runs a command in there; what it wrote. */
  public String run(String... command) throws IOException {
    return call(() -> Command.run(command));
  }

  @Override
  public void close() {
    holder.destroyForcibly();
  }
}
