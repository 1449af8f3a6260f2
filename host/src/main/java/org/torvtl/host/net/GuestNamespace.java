/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.host.system.Command;

/**
 * A guest for demonstrations: a network namespace whose only interface is a TAP of the gateway's.
 * Its programs resolve names through a {@code resolv.conf} of its own, which {@code ip netns exec}
 * puts in place of the host's.
 */
public final class GuestNamespace implements AutoCloseable {
  private static final Path CONFIGURATIONS = Path.of("/etc/netns");

  private final String name;
  private final boolean ownConfigurations = !Files.exists(CONFIGURATIONS);

  private GuestNamespace(String name) {
    this.name = name;
  }

  /**
   * Makes the namespace; one of the same name that an earlier run left is replaced.
   *
   * @param nameserver any address: the gateway answers DNS for all of them
   */
  public static GuestNamespace create(String name, String nameserver)
      throws IOException, InterruptedException {
    var guest = new GuestNamespace(name);
    guest.remove();
    try {
      Command.run("ip", "netns", "add", name);
      Files.createDirectories(guest.configuration());
      Files.writeString(
          guest.configuration().resolve("resolv.conf"), "nameserver " + nameserver + "\n");
      return guest;
    } catch (IOException | InterruptedException e) {
      guest.remove();
      throw e;
    }
  }

  private Path configuration() {
    return CONFIGURATIONS.resolve(name);
  }

  /**
   * Moves an interface of the host in here, and gives it its address and the default route.
   *
   * @param address with prefix length, such as {@code 203.0.113.9/24}
   * @param gateway any address on that link
   */
  public void attach(String networkInterface, String address, String gateway)
      throws IOException, InterruptedException {
    Command.run("ip", "link", "set", networkInterface, "netns", name);
    ip("link", "set", "lo", "up");
    ip("addr", "add", address, "dev", networkInterface);
    ip("link", "set", networkInterface, "up");
    ip("route", "add", "default", "via", gateway);
  }

  private void ip(String... arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "-n", name));
    command.addAll(List.of(arguments));
    Command.run(command.toArray(String[]::new));
  }

  /** The command line that runs a command in here. */
  public List<String> command(String... command) {
    var line = new ArrayList<>(List.of("ip", "netns", "exec", name));
    line.addAll(List.of(command));
    return line;
  }

  private void remove() throws IOException, InterruptedException {
    if (Files.exists(Path.of("/run/netns", name))) {
      Command.run("ip", "netns", "delete", name);
    }
    Files.deleteIfExists(configuration().resolve("resolv.conf"));
    Files.deleteIfExists(configuration());
    if (ownConfigurations) {
      deleteIfEmpty(CONFIGURATIONS);
    }
  }

  private static void deleteIfEmpty(Path directory) throws IOException {
    try {
      Files.deleteIfExists(directory);
    } catch (DirectoryNotEmptyException e) {
      // Another namespace has its configuration there.
    }
  }

  @Override
  public void close() throws IOException {
    try {
      remove();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while removing namespace " + name, e);
    }
  }
}
