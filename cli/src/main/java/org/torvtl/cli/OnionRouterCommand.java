/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.system.ParentDeath;
import org.torvtl.onion.Secret;
import org.torvtl.onion.node.RouterArguments;
import org.torvtl.onion.node.RouterInterface;
import org.torvtl.onion.node.RouterNode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** One router of the onion network, as the proxy starts it. */
@Command(
    name = "router",
    hidden = true,
    mixinStandardHelpOptions = true,
    description =
        "One router. 'torvtl onion proxy' starts it, and tells it the secret on standard input.")
final class OnionRouterCommand implements Callable<Integer> {
  @Option(names = RouterArguments.NUMBER, required = true, description = "Its number, from 1.")
  private int number;

  @Option(
      names = RouterArguments.PROXY_PORT,
      required = true,
      description = "The proxy's UDP port on 127.0.0.1.")
  private int proxyPort;

  @Option(
      names = RouterArguments.PROXY_PID,
      required = true,
      description = "The proxy's process id: the router ends with it.")
  private long proxyPid;

  @Option(names = RouterArguments.LOG, required = true, description = "Its log.")
  private @Nullable Path log;

  @Option(names = RouterArguments.EXIT, description = "Its way to the world: INTERFACE=ADDRESS.")
  private @Nullable String exit;

  @Option(
      names = RouterArguments.USER,
      description = "User to become; without it, it stays who it is.")
  private @Nullable String userName;

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private OnionRouterCommand() {}

  @Override
  public Integer call() throws IOException, UserException, InterruptedException {
    Logs.configure(false);
    follow();
    var secret = secret();
    var arguments =
        new RouterArguments(
            number,
            proxyPort,
            proxyPid,
            log == null ? Path.of("router.log") : log,
            Optional.ofNullable(exit).map(RouterInterface::parse),
            Optional.ofNullable(userName));
    try (var teardown = new Teardown()) {
      var router = teardown.add(new RouterNode(arguments, secret, new SecureRandom()));
      router.open();
      if (userName != null) {
        becomeUser();
      }
      router.start();
      router.ended().get();
      return 0;
    } catch (ExecutionException e) {
      throw new IOException("router %d: %s".formatted(number, e.getCause()), e);
    }
  }

  private void becomeUser() throws IOException, UserException {
    var user = ServiceUser.choose(userName);
    if (user != null) {
      ServiceUser.become(user);
      follow();
    }
  }

  /** This thread lives until the end, as the kernel demands. */
  private void follow() throws IOException, UserException {
    if (!ParentDeath.follow(proxyPid)) {
      throw new UserException("router %d: its proxy is gone".formatted(number));
    }
  }

  private Secret secret() throws IOException {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    var line = input.readLine();
    try {
      return Secret.parse(line == null ? "" : line);
    } catch (IllegalArgumentException e) {
      throw Arguments.wrong(spec, "no secret on standard input (start 'torvtl onion proxy')");
    }
  }
}
