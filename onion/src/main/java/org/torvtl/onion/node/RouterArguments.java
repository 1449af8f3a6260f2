/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a proxy tells a router on its command line. The secret is not among it: that comes over
 * standard input.
 *
 * @param number which router it is, from 1
 * @param proxyPort the proxy's UDP port on 127.0.0.1
 * @param proxyPid the proxy's process id
 * @param log where to write
 * @param exit its way to the world
 * @param user whom to become, once what takes root is open; empty to stay who it is
 */
public record RouterArguments(
    int number,
    int proxyPort,
    long proxyPid,
    Path log,
    Optional<RouterInterface> exit,
    Optional<String> user) {
  /** Names of the options. */
  public static final String NUMBER = "--number",
      PROXY_PORT = "--proxy-port",
      PROXY_PID = "--proxy-pid",
      LOG = "--log",
      EXIT = "--exit",
      USER = "--user";

  List<String> words() {
    var words =
        new ArrayList<>(
            List.of(
                NUMBER,
                Integer.toString(number),
                PROXY_PORT,
                Integer.toString(proxyPort),
                PROXY_PID,
                Long.toString(proxyPid),
                LOG,
                log.toString()));
    exit.ifPresent(way -> words.addAll(List.of(EXIT, way.toString())));
    user.ifPresent(name -> words.addAll(List.of(USER, name)));
    return words;
  }
}
