/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * Begins many connections at once and keeps them until it is killed: a program to run in a guest,
 * whose kernel repeats the SYNs.
 *
 * <p>Arguments: how many, the port to connect to, the beginning of the addresses, such as {@code
 * 198.51.100.}, or one address. Prints {@code connecting}.
 */
public final class ConnectFlood {
  private static final int ADDRESSES = 250;

  private ConnectFlood() {}

  /** The command that runs it, in a project that is at {@code project} and is built. */
  static List<String> command(String project, int count, int port, String addresses) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx64m",
        "-XX:+UseSerialGC",
        "-cp",
        project + "/e2e/target/classes",
        ConnectFlood.class.getName(),
        Integer.toString(count),
        Integer.toString(port),
        addresses);
  }

  /** Runs it. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    int count = Integer.parseInt(arguments[0]);
    int port = Integer.parseInt(arguments[1]);
    var kept = new ArrayList<SocketChannel>();
    for (int i = 0; i < count; i++) {
      var channel = SocketChannel.open();
      channel.configureBlocking(false);
      var address = arguments[2].endsWith(".") ? arguments[2] + (1 + i % ADDRESSES) : arguments[2];
      channel.connect(new InetSocketAddress(address, port));
      kept.add(channel);
    }
    System.out.println("connecting");
    new CountDownLatch(1).await();
    throw new IllegalStateException("not reached, with " + kept.size());
  }
}
