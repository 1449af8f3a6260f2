/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import org.jspecify.annotations.Nullable;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.host.user.User;
import org.torvtl.link.Link;
import org.torvtl.link.linux.TunDevice;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes and deletes TAP devices that stay when no program is attached to them. */
@Command(
    name = "tap",
    mixinStandardHelpOptions = true,
    description = "Makes or deletes a TAP device that stays when no program uses it.")
final class TapCommand implements Runnable {
  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private TapCommand() {}

  @Override
  public void run() {
    throw Arguments.wrong(spec, "say 'create' or 'delete'");
  }

  @Command(
      name = "create",
      mixinStandardHelpOptions = true,
      description = "Makes a TAP device and brings it up. One that is there already stays.")
  void create(
      @Parameters(paramLabel = "NAME", description = "name of the interface, such as tap1")
          String name,
      @Option(
              names = "--multi-queue",
              description = "for torvtl run --lanes; it cannot be used without then")
          boolean multiQueue,
      @Option(
              names = "--user",
              paramLabel = "USER",
              description =
                  "who may use it beside root, such as the user that a virtual machine runs as"
                      + " (default: who makes it)")
          @Nullable String user)
      throws SystemCallException, UserException {
    var networkInterface = Arguments.networkInterface(spec, "NAME", name);
    var owner = user == null ? null : named(user);
    boolean found = networkInterface.exists();
    try (var device =
        multiQueue
            ? TunDevice.openForQueues(networkInterface, Link.Medium.ETHERNET)
            : TunDevice.open(networkInterface, Link.Medium.ETHERNET)) {
      if (owner != null) {
        device.setOwner(owner.uid());
      }
      device.setPersistent(true);
    }
    networkInterface.up();
    spec.commandLine()
        .getOut()
        .println(name + (found ? " was there, and is up" : " is made, and up"));
  }

  private static User named(String name) throws SystemCallException, UserException {
    return User.named(name)
        .orElseThrow(() -> new UserException("--user: there is no user '%s'".formatted(name)));
  }

  @Command(name = "delete", mixinStandardHelpOptions = true, description = "Deletes a TAP device.")
  void delete(
      @Parameters(paramLabel = "NAME", description = "name of the interface, such as tap1")
          String name)
      throws SystemCallException, UserException {
    var networkInterface = Arguments.networkInterface(spec, "NAME", name);
    if (!networkInterface.exists()) {
      throw new UserException("cannot delete %s: there is no such interface".formatted(name));
    }
    TunDevice.delete(networkInterface, Link.Medium.ETHERNET);
    spec.commandLine().getOut().println(name + " is deleted");
  }
}
