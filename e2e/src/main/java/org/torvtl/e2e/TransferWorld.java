/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A SOCKS proxy with a world of its own in place of Tor's, as fast as TCP on one machine is: a
 * program to run on a {@link Machine}. Whatever the address, port {@link #SOURCE} and {@link #SINK}
 * are there. Each is told a number of bytes in a line first.
 *
 * <p>The source sends so many random bytes. The sink takes so many, and answers their SHA-256 in a
 * line. The source's bytes depend on their number only: {@link #digest} tells their SHA-256.
 *
 * <p>A connection to {@link #BLACK_HOLE} never opens, one to {@link #HOLD} opens and stays silent.
 *
 * <p>Every name has the address {@link #ADDRESS}.
 *
 * <p>Arguments: the port to listen at on loopback. Prints {@code listening}.
 */
public final class TransferWorld {
  /** The ports of the services. */
  public static final int SOURCE = 1001, SINK = 1002, BLACK_HOLE = 1003, HOLD = 1004;

  /** What a name is resolved to. */
  public static final String ADDRESS = "203.0.113.7";

  private static final Duration SOON = Duration.ofSeconds(40);

  private static final int BUFFER = 64 << 10, BACKLOG = 1024;
  private static final byte[] METHOD = {5, 2}, LOGGED_IN = {1, 0};
  private static final byte[] CONNECTED = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  private static final byte[] REFUSED = {5, 5, 0, 1, 0, 0, 0, 0, 0, 0};
  private static final byte[] RESOLVED = {5, 0, 0, 1, (byte) 203, 0, 113, 7, 0, 0};
  private static final int RESOLVE = 0xF0, IPV4_LENGTH = 4;

  private TransferWorld() {}

  /** Starts one; returns when it listens. */
  public static RunningCommand on(Machine machine, int port)
      throws IOException, InterruptedException {
    var world =
        machine.start(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-cp",
                Machine.PROJECT + "/e2e/target/classes",
                TransferWorld.class.getName(),
                Integer.toString(port)));
    world.awaitLine("listening", SOON);
    return world;
  }

  /** Runs it until it is killed. */
  public static void main(String[] arguments) throws IOException {
    var loopback = InetAddress.getLoopbackAddress();
    try (var listener = new ServerSocket(Integer.parseInt(arguments[0]), BACKLOG, loopback)) {
      System.out.println("listening");
      while (true) {
        var connection = listener.accept();
        Thread.startVirtualThread(() -> serve(connection));
      }
    }
  }

  private static void serve(Socket connection) {
    try (connection) {
      connection.setTcpNoDelay(true);
      var in = new DataInputStream(new BufferedInputStream(connection.getInputStream(), BUFFER));
      var out = connection.getOutputStream();
      if (in.read() >= 0) {
        serve(in, out);
      }
    } catch (IOException e) {
      System.err.println("a connection broke off: " + e);
    }
  }

  private static void serve(DataInputStream in, OutputStream out) throws IOException {
    in.skipNBytes(in.readUnsignedByte());
    out.write(METHOD);
    in.skipNBytes(1);
    in.skipNBytes(in.readUnsignedByte());
    in.skipNBytes(in.readUnsignedByte());
    out.write(LOGGED_IN);
    in.skipNBytes(1);
    if (in.readUnsignedByte() == RESOLVE) {
      in.skipNBytes(2);
      in.skipNBytes(in.readUnsignedByte());
      in.skipNBytes(2);
      out.write(RESOLVED);
      return;
    }
    in.skipNBytes(2 + IPV4_LENGTH);
    int port = in.readUnsignedShort();
    if (port == BLACK_HOLE) {
      in.transferTo(OutputStream.nullOutputStream());
      return;
    }
    if (port != SOURCE && port != SINK && port != HOLD) {
      out.write(REFUSED);
      return;
    }
    out.write(CONNECTED);
    if (port == HOLD) {
      in.transferTo(OutputStream.nullOutputStream());
      return;
    }
    long count = Long.parseLong(line(in));
    if (port == SOURCE) {
      send(count, out);
    } else {
      out.write((digest(in, count) + "\n").getBytes(StandardCharsets.US_ASCII));
    }
  }

  private static String line(InputStream in) throws IOException {
    var text = new StringBuilder();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        throw new IOException("ended within a line");
      }
      text.append((char) b);
    }
    return text.toString();
  }

  private static void send(long count, OutputStream out) throws IOException {
    var random = new SplittableRandom(count);
    var buffer = new byte[BUFFER];
    for (long left = count; left > 0; left -= BUFFER) {
      random.nextBytes(buffer);
      out.write(buffer, 0, (int) Math.min(BUFFER, left));
    }
  }

  /** The SHA-256, in hex, of what the source sends when asked for {@code count} bytes. */
  public static String digest(long count) throws IOException {
    var digest = sha256();
    send(
        count,
        new OutputStream() {
          @Override
          public void write(int b) {
            digest.update((byte) b);
          }

          @Override
          public void write(byte[] bytes, int offset, int length) {
            digest.update(bytes, offset, length);
          }
        });
    return HexFormat.of().formatHex(digest.digest());
  }

  private static String digest(InputStream in, long count) throws IOException {
    var digest = sha256();
    var buffer = new byte[BUFFER];
    for (long left = count; left > 0; ) {
      int n = in.read(buffer, 0, (int) Math.min(BUFFER, left));
      if (n < 0) {
        throw new IOException("ended with %d bytes left of %d".formatted(left, count));
      }
      digest.update(buffer, 0, n);
      left -= n;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
