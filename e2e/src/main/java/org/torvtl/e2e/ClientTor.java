/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;

/**
 * A {@code tor} of the test's own on a {@link Machine}: a client of the private lab that may be
 * killed.
 */
public final class ClientTor implements Closeable {
  private static final Duration BOOTSTRAP_DEADLINE = Duration.ofMinutes(1);

  private final Machine machine;
  private final int socksPort;
  private final String torrc;
  private RunningCommand command;

  private ClientTor(Machine machine, int socksPort, String torrc, RunningCommand command) {
    this.machine = machine;
    this.socksPort = socksPort;
    this.torrc = torrc;
    this.command = command;
  }

  /**
   * Starts it and waits until it is bootstrapped.
   *
   * @param options further lines of its torrc
   */
  public static ClientTor start(
      Machine machine, PrivateLab lab, int socksPort, List<String> options)
      throws IOException, InterruptedException {
    var folder = "/run/client-tor-" + socksPort;
    machine.script("mkdir -m 700 \"$1\"", folder);
    Files.writeString(
        machine.file(folder + "/torrc"),
        """
        SocksPort %s:%d IsolateSOCKSAuth
        DataDirectory %s/data
        Log notice stdout
        %%include %s
        %s
        """
            .formatted(
                PrivateLab.SOCKS_ADDRESS,
                socksPort,
                folder,
                lab.clientTorrc(),
                String.join("\n", options)));
    var torrc = folder + "/torrc";
    return new ClientTor(machine, socksPort, torrc, launch(machine, torrc));
  }

  private static RunningCommand launch(Machine machine, String torrc)
      throws IOException, InterruptedException {
    var command =
        machine.start(
            List.of("tor", "--defaults-torrc", "/dev/null", "--ignore-missing-torrc", "-f", torrc));
    command.awaitOutput(
        "'Bootstrapped 100%'", text -> text.contains("Bootstrapped 100%"), BOOTSTRAP_DEADLINE);
    return command;
  }

  public int socksPort() {
    return socksPort;
  }

  public String log() {
    return command.output();
  }

  /** Ends it the hard way: its connections are reset, its port is closed. */
  public void kill() throws IOException, InterruptedException {
    Signal.KILL.to(Machine.processOf(command));
    var unused = command.await(Duration.ofSeconds(5));
  }

  /** Starts it again after {@link #kill}, and waits until it is bootstrapped. */
  public void restart() throws IOException, InterruptedException {
    command = launch(machine, torrc);
  }

  @Override
  public void close() {
    command.close();
  }
}
