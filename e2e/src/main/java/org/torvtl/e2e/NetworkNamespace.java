/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A network namespace on a {@link Machine}, with a resolv.conf of its own, made with {@code ip
 * netns}.
 */
public class NetworkNamespace implements Closeable {
  private final Machine machine;
  private final String name;

  /** Makes it, with its loopback interface up. */
  public NetworkNamespace(Machine machine, String name) throws IOException, InterruptedException {
    this.machine = machine;
    this.name = name;
    machine.script("ip netns add \"$1\"; ip -n \"$1\" link set lo up", name);
  }

  public final String name() {
    return name;
  }

  public final Machine machine() {
    return machine;
  }

  /** The server its programs ask for names. */
  public final void nameserver(String address) throws IOException, InterruptedException {
    machine.script(
        "mkdir -p /etc/netns/\"$1\"; echo \"nameserver $2\" >/etc/netns/\"$1\"/resolv.conf",
        name,
        address);
  }

  /** Starts a command in it. */
  public final RunningCommand start(List<String> command) throws IOException {
    var whole = new ArrayList<>(List.of("ip", "netns", "exec", name));
    whole.addAll(command);
    return machine.start(whole);
  }

  /** Runs a command in it to its end, whatever its exit status. */
  public final CommandResult run(Duration deadline, String... command)
      throws IOException, InterruptedException {
    return start(List.of(command)).await(deadline);
  }

  /** Runs a bash script in it, with arguments $1 and on, whatever its exit status. */
  public final CommandResult script(Duration deadline, String script, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("bash", "-uc", script, "bash"));
    command.addAll(List.of(arguments));
    return start(command).await(deadline);
  }

  /** Removes it and its resolv.conf; an interface of a gateway that is in it ends with it. */
  @Override
  public void close() throws IOException {
    Waiting.toEnd(() -> machine.script("rm -rf /etc/netns/\"$1\"; ip netns delete \"$1\"", name));
  }
}
