/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Sends hostile frames out of an interface, by a packet socket: a program to run inside a guest.
 *
 * <p>Arguments: interface, seed, number of frames, the guest's IPv4 address, an IPv4 address behind
 * the gateway. Prints {@code sent N}. A frame that finds the device's queue full is sent again.
 */
public final class FrameInjector {
  private FrameInjector() {}

  /** The command that runs this program, in a project that is at {@code project} and is built. */
  static List<String> command(
      String project, String device, long seed, int count, String guestAddress, String farAddress) {
    return List.of(
        System.getProperty("java.home") + "/bin/java",
        "--enable-native-access=ALL-UNNAMED",
        "-XX:-UsePerfData",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        project + "/e2e/target/classes",
        FrameInjector.class.getName(),
        device,
        Long.toString(seed),
        Integer.toString(count),
        guestAddress,
        farAddress);
  }

  public static void main(String[] arguments) throws Throwable {
    var device = NetworkInterface.getByName(arguments[0]);
    long seed = Long.parseLong(arguments[1]);
    int count = Integer.parseInt(arguments[2]);
    var frames =
        new HostileFrames(
            new SplittableRandom(seed),
            device.getHardwareAddress(),
            ipv4(arguments[3]),
            ipv4(arguments[4]));
    try (var arena = Arena.ofConfined()) {
      var injector = FrameSocket.forSending(arena, device.getIndex(), HostileFrames.MAX_LENGTH);
      for (int i = 0; i < count; i++) {
        injector.send(frames.next());
      }
    }
    System.out.println("sent " + count);
  }

  private static int ipv4(String address) throws IOException {
    return ByteBuffer.wrap(InetAddress.getByName(address).getAddress()).getInt();
  }
}
