/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Programs of this host that hear all that arrives at an interface, by packet sockets: a DHCP relay
 * or server, a recorder. No packet filter keeps anything from these, and they may pass on what they
 * hear. packet(7), proc(5).
 */
public final class PacketListeners {
  /** Of {@code /proc/net/packet}. */
  private static final int PROTOCOL = 3, INTERFACE = 4, INODE = 8, FIELDS = 9;

  /** {@code ETH_P_ALL} of linux/if_ether.h; what others are for comes behind packet filters. */
  private static final int EVERYTHING = 3;

  /** What is in the command of torvtl itself. */
  private static final String OURS = "org.torvtl.";

  private final Path proc;

  PacketListeners(Path proc) {
    this.proc = proc;
  }

  /**
   * The programs, other than torvtl, by name and process number, such as {@code dhcrelay (731)};
   * only root sees those of all users.
   *
   * @param indexes of the interfaces
   */
  public static List<String> at(Set<Integer> indexes) throws IOException {
    return new PacketListeners(Path.of("/proc")).find(indexes);
  }

  /** As {@link #at}. */
  List<String> find(Set<Integer> indexes) throws IOException {
    var sockets = new HashSet<Path>();
    for (var line : Files.readAllLines(proc.resolve("self/net/packet"))) {
      var fields = line.strip().split("\\s+", -1);
      if (fields.length == FIELDS
          && fields[PROTOCOL].equals("%04x".formatted(EVERYTHING))
          && (fields[INTERFACE].equals("0")
              || indexes.contains(Integer.valueOf(fields[INTERFACE])))) {
        sockets.add(Path.of("socket:[" + fields[INODE] + "]"));
      }
    }
    return sockets.isEmpty() ? List.of() : holders(sockets);
  }

  private List<String> holders(Set<Path> sockets) throws IOException {
    var holders = new ArrayList<String>();
    try (var processes = Files.newDirectoryStream(proc, "[0-9]*")) {
      for (var process : processes) {
        try {
          if (holdsAny(process, sockets)
              && !Files.readString(process.resolve("cmdline")).contains(OURS)) {
            holders.add(
                "%s (%s)"
                    .formatted(
                        Files.readString(process.resolve("comm")).strip(), process.getFileName()));
          }
        } catch (IOException e) {
          // It has ended, or belongs to another user.
          if (Files.exists(process.resolve("fd")) && !(e instanceof AccessDeniedException)) {
            throw e;
          }
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return holders;
  }

  private static boolean holdsAny(Path process, Set<Path> sockets) throws IOException {
    try (var descriptors = Files.newDirectoryStream(process.resolve("fd"))) {
      for (var descriptor : descriptors) {
        if (leadsToAny(descriptor, sockets)) {
          return true;
        }
      }
      return false;
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private static boolean leadsToAny(Path descriptor, Set<Path> sockets) throws IOException {
    try {
      return sockets.contains(Files.readSymbolicLink(descriptor));
    } catch (NoSuchFileException e) {
      // Closed in the meantime.
      return false;
    }
  }
}
