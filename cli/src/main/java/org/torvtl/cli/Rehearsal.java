/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * A start of the gateway that is made only to be remembered: run by the build, in a network of its
 * own, with a proxy that echoes in place of Tor. The JVM keeps what it loaded for later starts. It
 * ends itself after the first connection of a guest.
 */
final class Rehearsal {
  private static final byte[] METHOD = {5, 2}, LOGGED_IN = {1, 0};
  private static final byte[] CONNECTED = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  private static final int REQUEST_LENGTH = 10, BACKLOG = 16;

  private Rehearsal() {}

  /**
   * Runs it.
   *
   * @param arguments the name of the TAP to make
   */
  public static void main(String[] arguments) throws IOException {
    try (var proxy = new ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress())) {
      Thread.ofPlatform().daemon().start(() -> serve(proxy));
      // The JVM keeps no class that handles a class it never linked, such as this one's exception.
      int unused = Torvtl.execute("run", "--no-such-option");
      String port = Integer.toString(proxy.getLocalPort());
      System.exit(
          Torvtl.execute(
              "run", "--user", "root", "-d", arguments[0], "-a", "127.0.0.1", "-p", port));
    }
  }

  private static void serve(ServerSocket proxy) {
    try {
      while (!serve(proxy.accept())) {
        // It only asked whether we are there.
      }
      System.exit(0);
    } catch (IOException e) {
      System.err.println("the rehearsal's proxy failed: " + e);
      System.exit(1);
    }
  }

  /** Whether there was a stream. */
  private static boolean serve(Socket connection) throws IOException {
    try (connection) {
      var in = new DataInputStream(connection.getInputStream());
      var out = connection.getOutputStream();
      if (in.read() < 0) {
        return false;
      }
      in.skipNBytes(in.readUnsignedByte());
      out.write(METHOD);
      if (in.read() < 0) {
        return false;
      }
      in.skipNBytes(in.readUnsignedByte());
      in.skipNBytes(in.readUnsignedByte());
      out.write(LOGGED_IN);
      if (in.read() < 0) {
        return false;
      }
      in.skipNBytes(REQUEST_LENGTH - 1);
      out.write(CONNECTED);
      // A line, which the guest waits for; the one after says that it came.
      for (int lines = 0; lines < 2; ) {
        int b = in.read();
        if (b < 0) {
          return true;
        }
        out.write(b);
        lines += b == '\n' ? 1 : 0;
      }
      return true;
    }
  }
}
