/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A {@code torvtl run} on a {@link Machine}. */
public final class Gateway implements Closeable {
  /** Its MAC address on a guests' link, as {@code ip link} prints it. */
  static final String MAC = "02:54:6f:72:56:4c";

  private static final Duration READY_DEADLINE = Duration.ofMinutes(1);
  private static final Duration STOP_DEADLINE = Duration.ofSeconds(20);

  private final String device;
  private final RunningCommand command;
  private final ProcessHandle process;
  private final int deviceIndex;

  private Gateway(String device, RunningCommand command, ProcessHandle process, int deviceIndex) {
    this.device = device;
    this.command = command;
    this.process = process;
    this.deviceIndex = deviceIndex;
  }

  /**
   * Starts a gateway and waits until it serves.
   *
   * @param device of a TAP, or of a TUN if it begins so
   */
  public static Gateway start(Machine machine, String device, String... arguments)
      throws IOException, InterruptedException {
    var words = new ArrayList<>(List.of(device.startsWith("tun") ? "--tun" : "-d", device));
    words.addAll(List.of(arguments));
    return startWith(machine, device, words);
  }

  /**
   * Starts a gateway and waits until it serves.
   *
   * @param device where it receives
   * @param arguments of {@code torvtl run}, all of them
   */
  static Gateway startWith(Machine machine, String device, List<String> arguments)
      throws IOException, InterruptedException {
    var words = new ArrayList<>(List.of("run"));
    words.addAll(arguments);
    var command = machine.start(Machine.torvtl(words.toArray(String[]::new)));
    try {
      command.awaitLine("ready", READY_DEADLINE);
      var index = machine.script("ip -o link show dev \"$1\" | cut -d: -f1", device).line();
      return new Gateway(device, command, Machine.processOf(command), Integer.parseInt(index));
    } catch (IOException | InterruptedException | RuntimeException e) {
      command.close();
      throw e;
    }
  }

  public String device() {
    return device;
  }

  /** The kernel's number of the device; it keeps it when it moves. */
  public int deviceIndex() {
    return deviceIndex;
  }

  /** The gateway's process, as seen from outside the machine. */
  public ProcessHandle process() {
    return process;
  }

  /** The tor it supervises, if it has one now. */
  public Optional<ProcessHandle> tor() {
    return process
        .descendants()
        .filter(child -> child.info().command().orElse("").endsWith("/tor"))
        .findFirst();
  }

  public boolean isRunning() {
    return command.isRunning();
  }

  /** What it has printed. */
  public String log() {
    return command.output();
  }

  /** Sends a signal and waits for its end. */
  public CommandResult stop(Signal signal) throws IOException, InterruptedException {
    signal.to(process);
    return command.await(STOP_DEADLINE);
  }

  @Override
  public void close() throws IOException {
    if (command.isRunning()) {
      Waiting.toEnd(() -> stop(Signal.TERM));
    }
  }
}
