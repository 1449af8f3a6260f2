/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.torvtl.host.filter.KillSwitch;
import org.torvtl.host.system.Command;
import org.torvtl.host.user.Privileges;

/** Whether nftables is there and takes the rules that this program needs. */
public sealed interface PacketFilterCheck {
  /**
   * It does, as far as this process may ask.
   *
   * @param version what nft says of itself
   */
  record Works(String version) implements PacketFilterCheck {}

  /**
   * There is no nft, or the kernel does not answer it.
   *
   * @param reason why, in words
   */
  record Fails(String reason) implements PacketFilterCheck {}

  /**
   * The kernel does not take all rules.
   *
   * @param guard why it refuses those of a guests' link; empty if it takes them
   * @param killSwitch the same of a {@link KillSwitch}'s
   */
  record Refuses(Optional<String> guard, Optional<String> killSwitch)
      implements PacketFilterCheck {}

  /**
   * Asks nft and, with CAP_NET_ADMIN, the kernel.
   *
   * @param guard a sample of the rules of a guests' link, statements of nft
   */
  static PacketFilterCheck of(List<String> guard) throws IOException, InterruptedException {
    String version;
    try {
      version = Command.run("nft", "--version").strip();
      if (!Privileges.has(Privileges.Capability.NET_ADMIN)) {
        return new Works(version);
      }
      Command.run("nft", "list", "tables");
    } catch (IOException e) {
      return new Fails(String.valueOf(e.getMessage()));
    }
    var ofGuard = refusal(String.join("\n", guard) + "\n");
    var ofKillSwitch = refusal(KillSwitch.sample());
    return ofGuard.isEmpty() && ofKillSwitch.isEmpty()
        ? new Works(version)
        : new Refuses(ofGuard, ofKillSwitch);
  }

  private static Optional<String> refusal(String rules) throws InterruptedException {
    try {
      Command.runWithInput(rules, List.of("nft", "--check", "-f", "-"));
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }
}
