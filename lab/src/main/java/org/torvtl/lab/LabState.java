/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.io.StringReader;
import java.net.InetSocketAddress;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.torvtl.tor.process.ProcessIdentity;
import org.torvtl.tor.process.Torrc;

/**
 * What is known about a lab, as its directory's {@code lab.properties} keeps it for other
 * processes.
 *
 * @param name the lab's name
 * @param owner who started it
 * @param detached whether it outlives its owner
 * @param ready whether its start was completed
 * @param namespace its network namespace
 * @param hostInterface our end of its cable; null until there is one
 * @param socks the client's SOCKS port; null until there is one
 * @param control the client's control port; null until there is one
 * @param processes by nickname, and {@code world}
 * @param addresses of the nodes, by nickname
 */
public record LabState(
    String name,
    ProcessIdentity owner,
    boolean detached,
    boolean ready,
    String namespace,
    @Nullable String hostInterface,
    @Nullable InetSocketAddress socks,
    @Nullable InetSocketAddress control,
    Map<String, ProcessIdentity> processes,
    Map<String, String> addresses) {
  static final String WORLD = "world";
  private static final String FILE = "lab.properties";

  /** Whether it is there for use, or will be; otherwise it is only what a dead owner left. */
  boolean isInUse() {
    if (owner.isAlive()) {
      return true;
    }
    return ready && detached && processes.values().stream().anyMatch(ProcessIdentity::isAlive);
  }

  LabState withHostInterface(String value) {
    return new LabState(
        name, owner, detached, ready, namespace, value, socks, control, processes, addresses);
  }

  LabState withSocks(InetSocketAddress value) {
    return new LabState(
        name,
        owner,
        detached,
        ready,
        namespace,
        hostInterface,
        value,
        control,
        processes,
        addresses);
  }

  LabState withControl(InetSocketAddress value) {
    return new LabState(
        name, owner, detached, ready, namespace, hostInterface, socks, value, processes, addresses);
  }

  LabState withProcesses(Map<String, ProcessIdentity> value) {
    return new LabState(
        name, owner, detached, ready, namespace, hostInterface, socks, control, value, addresses);
  }

  LabState withAddresses(Map<String, String> value) {
    return new LabState(
        name, owner, detached, ready, namespace, hostInterface, socks, control, processes, value);
  }

  LabState asReady() {
    return new LabState(
        name,
        owner,
        detached,
        true,
        namespace,
        hostInterface,
        socks,
        control,
        processes,
        addresses);
  }

  /** Replaces the file of a lab's directory in one step. */
  void save(Path directory) throws IOException {
    var lines = new StringBuilder();
    property(lines, "name", name);
    property(lines, "owner", owner);
    property(lines, "detached", detached);
    property(lines, "ready", ready);
    property(lines, "namespace", namespace);
    if (hostInterface != null) {
      property(lines, "interface", hostInterface);
    }
    if (socks != null) {
      property(lines, "socks", text(socks));
    }
    if (control != null) {
      property(lines, "control", text(control));
    }
    property(lines, "cookie", cookieFile(directory));
    property(lines, "torrc", clientTorrc(directory));
    addresses.forEach((nickname, address) -> property(lines, "address." + nickname, address));
    processes.forEach((nickname, process) -> property(lines, "process." + nickname, process));
    new Torrc().addVerbatim(lines.toString()).write(directory.resolve(FILE));
  }

  private static void property(StringBuilder lines, String key, Object value) {
    // Backslashes are what a properties file takes for itself; no value of ours has a line end.
    lines.append(key).append('=').append(value.toString().replace("\\", "\\\\")).append('\n');
  }

  /** The client's control cookie. */
  static Path cookieFile(Path directory) {
    return LabNode.client().directory(directory).resolve("control_auth_cookie");
  }

  /** The lines with which another tor joins the network. */
  static Path clientTorrc(Path directory) {
    return directory.resolve("client.torrc");
  }

  /**
   * Reads the file of a lab's directory; empty if there is none.
   *
   * @throws IOException if it cannot be read or is no such file
   */
  static Optional<LabState> load(Path directory) throws IOException {
    var file = directory.resolve(FILE);
    var properties = new Properties();
    try {
      properties.load(new StringReader(Files.readString(file)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (AccessDeniedException e) {
      throw new IOException("cannot read %s: permission denied (run as root)".formatted(file), e);
    }
    try {
      return Optional.of(parse(properties));
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "cannot read " + file + ": " + e.getMessage() + " (remove the directory)", e);
    }
  }

  private static LabState parse(Properties properties) {
    var processes = new LinkedHashMap<String, ProcessIdentity>();
    var addresses = new LinkedHashMap<String, String>();
    for (var key : properties.stringPropertyNames().stream().sorted().toList()) {
      if (key.startsWith("process.")) {
        processes.put(
            key.substring("process.".length()), ProcessIdentity.parse(required(properties, key)));
      } else if (key.startsWith("address.")) {
        addresses.put(key.substring("address.".length()), required(properties, key));
      }
    }
    return new LabState(
        required(properties, "name"),
        ProcessIdentity.parse(required(properties, "owner")),
        Boolean.parseBoolean(required(properties, "detached")),
        Boolean.parseBoolean(required(properties, "ready")),
        required(properties, "namespace"),
        properties.getProperty("interface"),
        address(properties.getProperty("socks")),
        address(properties.getProperty("control")),
        processes,
        addresses);
  }

  private static String required(Properties properties, String key) {
    var value = properties.getProperty(key);
    if (value == null) {
      throw new IllegalArgumentException("no " + key + " in it");
    }
    return value;
  }

  private static String text(InetSocketAddress address) {
    return (address.isUnresolved()
            ? address.getHostString()
            : address.getAddress().getHostAddress())
        + ":"
        + address.getPort();
  }

  private static @Nullable InetSocketAddress address(@Nullable String text) {
    if (text == null) {
      return null;
    }
    int colon = text.lastIndexOf(':');
    if (colon < 0) {
      throw new IllegalArgumentException("not an address and port: " + text);
    }
    return new InetSocketAddress(
        text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
  }
}
