/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is behind the exits: a name server, and on each host a web server and three plain TCP
 * services. Runs as a program of its own inside the lab's namespace.
 */
public final class World implements AutoCloseable {
  /**
   * Where the services listen; 0 is any free port.
   *
   * @param dns UDP: names
   * @param http {@link WorldWeb}
   * @param echo sends back what it gets
   * @param digest reads to the end, then answers count and SHA-256
   * @param endless sends until it is closed
   */
  public record Ports(int dns, int http, int echo, int digest, int endless) {
    /** As in the lab. */
    public static final Ports STANDARD = new Ports(53, 80, 7, 7000, 7001);
  }

  private final List<AutoCloseable> services = new ArrayList<>();
  private final List<InetSocketAddress> addresses = new ArrayList<>();

  private World() {}

  /**
   * Opens all services.
   *
   * @param dns the name server's address
   * @param hosts the addresses of the other services
   * @param names names and their addresses, which need not be hosts
   * @throws IOException if one of them cannot listen; none does then
   */
  public static World open(
      InetAddress dns, List<InetAddress> hosts, Map<String, List<InetAddress>> names, Ports ports)
      throws IOException {
    var world = new World();
    try {
      var nameServer = WorldDns.open(new InetSocketAddress(dns, ports.dns()), names);
      world.add(nameServer, nameServer.address());
      for (var host : hosts) {
        var web = WorldWeb.open(new InetSocketAddress(host, ports.http()));
        world.add(web, web.address());
        world.addTcp(host, ports.echo(), WorldTcp.ECHO);
        world.addTcp(host, ports.digest(), WorldTcp.DIGEST);
        world.addTcp(host, ports.endless(), WorldTcp.ENDLESS);
      }
      return world;
    } catch (IOException e) {
      world.close();
      throw e;
    }
  }

  private void addTcp(InetAddress host, int port, WorldTcp.Service service) throws IOException {
    var tcp = WorldTcp.open(new InetSocketAddress(host, port), service);
    add(tcp, tcp.address());
  }

  private void add(AutoCloseable service, InetSocketAddress address) {
    services.add(service);
    addresses.add(address);
  }

  /** Where the services listen: the name server, then for each host HTTP, echo, digest, endless. */
  public List<InetSocketAddress> addresses() {
    return List.copyOf(addresses);
  }

  /** Closes all services. */
  @Override
  public void close() throws IOException {
    for (var service : services) {
      try {
        service.close();
      } catch (Exception e) {
        throw new IOException("cannot close a service", e);
      }
    }
  }

  /**
   * Runs a world until it is killed, or its owner ends. Prints {@code ready} when all services
   * listen.
   *
   * @param arguments the lab's directory (only to be seen in the command line); the owner's process
   *     id, or 0; the name server's address; then hosts as {@code ADDRESS} and names as {@code
   *     NAME=ADDRESS}, once for each address of a name
   */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    if (arguments.length < 3) {
      System.err.println(
          "usage: World DIRECTORY OWNER DNS-ADDRESS (HOST-ADDRESS | NAME=ADDRESS)...");
      System.exit(2);
    }
    long owner = Long.parseLong(arguments[1]);
    var hosts = new ArrayList<InetAddress>();
    var names = new LinkedHashMap<String, List<InetAddress>>();
    for (int i = 3; i < arguments.length; i++) {
      int equals = arguments[i].indexOf('=');
      if (equals < 0) {
        hosts.add(InetAddress.ofLiteral(arguments[i]));
      } else {
        names
            .computeIfAbsent(arguments[i].substring(0, equals), anew -> new ArrayList<>())
            .add(InetAddress.ofLiteral(arguments[i].substring(equals + 1)));
      }
    }
    try (var world = open(InetAddress.ofLiteral(arguments[2]), hosts, names, Ports.STANDARD)) {
      System.out.println("ready");
      System.out.flush();
      if (owner == 0) {
        Thread.currentThread().join();
      } else {
        ProcessHandle.of(owner).ifPresent(process -> process.onExit().join());
      }
      System.err.println("the owner ended; so do " + world.addresses().size() + " services");
    }
    System.exit(0);
  }
}
