/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A TCP socket of this network namespace that listens. proc_pid_net(5).
 *
 * @param address where; an IPv4 address also for an IPv6 socket that is bound to a mapped one
 * @param port TCP port
 * @param uid the user who made the socket
 * @param inode its number, by which processes that hold it are found
 */
public record TcpListener(InetAddress address, int port, int uid, long inode) {
  private static final Path PROC = Path.of("/proc");
  private static final String LISTENING = "0A";
  private static final int LOCAL_ADDRESS = 1, STATE = 3, USER = 7, INODE = 9;

  /** In the line of a status file that lists user ids, the one that counts for new sockets. */
  private static final int FILE_SYSTEM_UID = 4;

  /**
   * The sockets that get the connections to an address: those bound to it, else those bound to all.
   * Several share a port by SO_REUSEPORT, or are bound to an interface each.
   *
   * <p>That a socket of IPv6 takes connections of IPv4 too is not told by the kernel here; it is
   * assumed of one that is bound to all addresses, if no socket of IPv4 is.
   */
  public static List<TcpListener> at(InetSocketAddress address) throws IOException {
    return at(address, Stream.concat(lines("tcp"), lines("tcp6")).toList());
  }

  private static Stream<String> lines(String file) throws IOException {
    try {
      return Files.readAllLines(PROC.resolve("net").resolve(file)).stream();
    } catch (NoSuchFileException e) {
      // A kernel without IPv6.
      return Stream.empty();
    }
  }

  /** As {@link #at(InetSocketAddress)}, with the lines of both files. */
  static List<TcpListener> at(InetSocketAddress address, List<String> lines) {
    var all =
        lines.stream()
            .map(line -> line.strip().split("\\s+", -1))
            .filter(field -> field.length > INODE && field[STATE].equals(LISTENING))
            .map(TcpListener::of)
            .filter(listener -> listener.port == address.getPort())
            .toList();
    var to = address.getAddress();
    boolean ipv4 = to instanceof Inet4Address;
    return IntStream.rangeClosed(0, 2)
        .mapToObj(rank ->
            all.stream()
                .filter(listener ->
                    switch (rank) {
                      case 0 -> listener.address.equals(to);
                      case 1 -> listener.isForAll() && listener.isIpv4() == ipv4;
                      default -> listener.isForAll() && ipv4;
                    })
                .toList())
        .filter(found -> !found.isEmpty())
        .findFirst()
        .orElse(List.of());
  }

  private boolean isForAll() {
    return address.isAnyLocalAddress();
  }

  private boolean isIpv4() {
    return address instanceof Inet4Address;
  }

  private static TcpListener of(String[] field) {
    int colon = field[LOCAL_ADDRESS].indexOf(':');
    return new TcpListener(
        address(field[LOCAL_ADDRESS].substring(0, colon)),
        Integer.parseInt(field[LOCAL_ADDRESS].substring(colon + 1), 16),
        Integer.parseInt(field[USER]),
        Long.parseLong(field[INODE]));
  }

  /** Words of 32 bits, each a number as this processor reads it. */
  private static InetAddress address(String hex) {
    var words = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
    var bytes = ByteBuffer.allocate(words.remaining()).order(ByteOrder.nativeOrder());
    while (words.hasRemaining()) {
      bytes.putInt(words.getInt());
    }
    try {
      return InetAddress.getByAddress(bytes.array());
    } catch (UnknownHostException e) {
      throw new AssertionError("4 or 16 bytes are an address", e);
    }
  }

  /**
   * The users that the processes are which hold the socket, as far as this one may see: a service
   * that opens its port as root and then becomes another user is that user.
   */
  public Set<Integer> holders() throws IOException {
    var users = new TreeSet<Integer>();
    try (var processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (var process : processes) {
        if (holds(process)) {
          user(process).ifPresent(users::add);
        }
      }
    }
    return users;
  }

  private boolean holds(Path process) throws IOException {
    // None if it has ended, or is not ours to see.
    var names = process.resolve("fd").toFile().list();
    if (names != null) {
      for (var name : names) {
        if (isThis(process.resolve("fd").resolve(name))) {
          return true;
        }
      }
    }
    return false;
  }

  private boolean isThis(Path file) throws IOException {
    try {
      return Files.readSymbolicLink(file).toString().equals("socket:[" + inode + "]");
    } catch (AccessDeniedException | NoSuchFileException e) {
      // Not ours to see, or closed meanwhile.
      return false;
    }
  }

  private static OptionalInt user(Path process) throws IOException {
    try {
      return Files.readAllLines(process.resolve("status")).stream()
          .filter(line -> line.startsWith("Uid:"))
          .mapToInt(line -> Integer.parseInt(line.split("\\s+", -1)[FILE_SYSTEM_UID]))
          .findFirst();
    } catch (IOException e) {
      if (Files.exists(process)) {
        throw e;
      }
      return OptionalInt.empty();
    }
  }
}
