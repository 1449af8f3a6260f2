/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A relay as the consensus lists it. Dir-spec, router status entry.
 *
 * @param nickname as the relay calls itself
 * @param fingerprint of the identity key, 40 upper-case hex digits
 * @param address IPv4 address, dotted
 * @param orPort TCP port for Tor's own protocol
 * @param flags as Running, Guard, Exit
 */
public record RelayStatus(
    String nickname, String fingerprint, String address, int orPort, Set<String> flags) {
  private static final int DIGEST_BYTES = 20;

  /** The "r" line without the descriptor's digest, which the microdescriptor flavor leaves out. */
  private static final int MIN_R_WORDS = 8;

  public RelayStatus {
    flags = Set.copyOf(flags);
  }

  /** Reads {@code GETINFO ns/all}: an "r" line opens an entry, an "s" line has its flags. */
  static List<RelayStatus> parseAll(String text) {
    var relays = new ArrayList<RelayStatus>();
    boolean open = false;
    for (var line : text.lines().toList()) {
      if (line.startsWith("r ")) {
        var relay = parseR(line);
        relay.ifPresent(relays::add);
        open = relay.isPresent();
      } else if (open && (line.startsWith("s ") || line.equals("s"))) {
        var relay = relays.removeLast();
        relays.add(
            new RelayStatus(
                relay.nickname, relay.fingerprint, relay.address, relay.orPort, flags(line)));
      }
    }
    return List.copyOf(relays);
  }

  private static Set<String> flags(String line) {
    var words = List.of(line.strip().split(" +"));
    return Set.copyOf(words.subList(1, words.size()));
  }

  private static Optional<RelayStatus> parseR(String line) {
    var words = List.of(line.strip().split(" +"));
    if (words.size() < MIN_R_WORDS) {
      return Optional.empty();
    }
    try {
      byte[] digest = Base64.getDecoder().decode(words.get(2));
      int orPort = Integer.parseInt(words.get(words.size() - 2));
      if (digest.length != DIGEST_BYTES || orPort < 0 || orPort > 0xFFFF) {
        return Optional.empty();
      }
      return Optional.of(
          new RelayStatus(
              words.get(1),
              HexFormat.of().withUpperCase().formatHex(digest),
              words.get(words.size() - 3),
              orPort,
              Set.of()));
    } catch (IllegalArgumentException e) {
      // Neither base64 nor a number: not an entry of any known format.
      return Optional.empty();
    }
  }
}
