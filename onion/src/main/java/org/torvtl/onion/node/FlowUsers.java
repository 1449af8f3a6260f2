/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.socket.UdpSocketUsers;
import org.torvtl.onion.FlowKey;
import org.torvtl.onion.RouterHandler;
import org.torvtl.wire.Ipv4Packet;

/**
 * Whose socket sends a flow's packets. The kernel is asked: for a UDP socket, that one alone; ping
 * sockets, icmp(7), it has in a list, which is read as often as it takes no more than a part of the
 * time to do so. What a raw socket sends, such as that of ping(8) where ping sockets are not
 * allowed, is nobody's.
 */
final class FlowUsers implements AutoCloseable {
  private static final Path PING_SOCKETS = Path.of("/proc/net/icmp");
  private static final int LOCAL_ADDRESS = 1, USER = 7;

  /** The list is read for at most a twentieth of the time. */
  private static final int PAUSE_FACTOR = 20;

  private final Consumer<String> log;
  private final @Nullable UdpSocketUsers datagrams;
  private Map<Integer, Integer> pings = Map.of();
  private long pingsDueNanos = System.nanoTime();

  private FlowUsers(Consumer<String> log, @Nullable UdpSocketUsers datagrams) {
    this.log = log;
    this.datagrams = datagrams;
  }

  /** Opens it; where the kernel tells nothing about UDP sockets, that is logged. */
  static FlowUsers open(Consumer<String> log) {
    UdpSocketUsers datagrams = null;
    try {
      datagrams = UdpSocketUsers.open();
    } catch (IOException e) {
      log.accept("flows of UDP cannot be told apart by their users: " + e.getMessage());
    }
    return new FlowUsers(log, datagrams);
  }

  int of(FlowKey flow, long nowNanos) {
    return switch (flow.protocol()) {
      case Ipv4Packet.PROTOCOL_UDP ->
          datagrams == null
              ? RouterHandler.UNKNOWN_USER
              : datagrams
                  .of(flow.source(), flow.sourcePort(), flow.destination(), flow.destinationPort())
                  .orElse(RouterHandler.UNKNOWN_USER);
      case Ipv4Packet.PROTOCOL_ICMP -> ofPing(flow.sourcePort(), nowNanos);
      default -> RouterHandler.UNKNOWN_USER;
    };
  }

  private int ofPing(int identifier, long nowNanos) {
    if (nowNanos - pingsDueNanos >= 0) {
      pings = read();
      long took = System.nanoTime() - nowNanos;
      pingsDueNanos = nowNanos + PAUSE_FACTOR * Math.max(0, took);
    }
    return pings.getOrDefault(identifier, RouterHandler.UNKNOWN_USER);
  }

  private Map<Integer, Integer> read() {
    try {
      return pings(Files.readAllLines(PING_SOCKETS));
    } catch (NoSuchFileException e) {
      // A kernel without ping sockets.
      return Map.of();
    } catch (IOException e) {
      log.accept("flows of ping cannot be told apart by their users: " + e.getMessage());
      return Map.of();
    }
  }

  /** By echo identifier. */
  static Map<Integer, Integer> pings(List<String> lines) {
    var users = new HashMap<Integer, Integer>();
    for (var line : lines) {
      var field = line.strip().split("\\s+", -1);
      if (field.length > USER && field[LOCAL_ADDRESS].matches("[0-9A-F]+:[0-9A-F]{4}")) {
        int colon = field[LOCAL_ADDRESS].indexOf(':');
        users.put(
            Integer.valueOf(field[LOCAL_ADDRESS].substring(colon + 1), 16),
            Integer.valueOf(field[USER]));
      }
    }
    return users;
  }

  @Override
  public void close() {
    if (datagrams != null) {
      datagrams.close();
    }
  }
}
