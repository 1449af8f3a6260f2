/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.lang.foreign.Arena;
import java.net.Inet4Address;
import java.net.NetworkInterface;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;

/**
 * Sends one {@link WorstPacket} as fast as the device takes it: a program to run inside a guest.
 *
 * <p>Arguments: interface, the gateway's MAC address, the packet, milliseconds. Prints {@code
 * sending}, and in the end {@code sent N}, the frames that the device took.
 */
public final class Flood {
  private static final String REMOTE = "192.0.2.7";

  /** Composed before, so that composing does not bound the rate. */
  private static final int COMPOSED = 16_384;

  private static final int MAX_LENGTH = 1514;

  private Flood() {}

  /** The command that runs this program, in a project that is at {@code project} and is built. */
  public static List<String> command(
      String project, String device, String gatewayMac, WorstPacket packet, Duration lasting) {
    return List.of(
        System.getProperty("java.home") + "/bin/java",
        "--enable-native-access=ALL-UNNAMED",
        "-XX:-UsePerfData",
        "-XX:+UseSerialGC",
        "-cp",
        project + "/e2e/target/classes",
        Flood.class.getName(),
        device,
        gatewayMac,
        packet.name(),
        Long.toString(lasting.toMillis()));
  }

  public static void main(String[] arguments) throws Throwable {
    var device = NetworkInterface.getByName(arguments[0]);
    var gateway = HexFormat.ofDelimiter(":").parseHex(arguments[1]);
    var packet = WorstPacket.valueOf(arguments[2]);
    long nanos = Duration.ofMillis(Long.parseLong(arguments[3])).toNanos();
    try (var arena = Arena.ofConfined();
        var connection = packet == WorstPacket.REPEATED ? new Socket(REMOTE, 80) : new Socket()) {
      var socket = FrameSocket.forSending(arena, device.getIndex(), MAX_LENGTH);
      int address =
          device
              .inetAddresses()
              .filter(Inet4Address.class::isInstance)
              .findFirst()
              .map(found -> ByteBuffer.wrap(found.getAddress()).getInt())
              .orElseThrow();
      var frames =
          packet.frames(
              device.getHardwareAddress(), gateway, address, connection.getLocalPort(), COMPOSED);
      System.out.println("sending");
      System.out.println("sent " + send(socket, frames, nanos));
    }
  }

  private static long send(FrameSocket socket, byte[][] frames, long nanos) throws Throwable {
    long end = System.nanoTime() + nanos;
    long sent = 0;
    for (int i = 0; frames.length > 0 && System.nanoTime() - end < 0; i++) {
      sent += socket.trySend(frames[i % frames.length]) ? 1 : 0;
    }
    return sent;
  }
}
