/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.torvtl.egress.EgressListener;
import org.torvtl.gateway.FlowConfig;
import org.torvtl.gateway.GuestDevice;
import org.torvtl.gateway.PerGuestIsolation;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.FaultCounters;
import org.torvtl.link.FaultInjectionLink;
import org.torvtl.link.Link;
import org.torvtl.link.LinkFaults;
import org.torvtl.link.linux.DeviceLink;
import org.torvtl.link.linux.TunDevice;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.socks.PeerCheck;

/**
 * The gateway with a bad cable between it and the device: a program to run on a {@link Machine}.
 * Prints {@code ready} once it serves, and what the cable did when SIGTERM ends it.
 *
 * <p>Arguments: the device, {@code tap} or {@code tun}, whether {@code on} or {@code off} for its
 * offloads, the port of the SOCKS proxy on loopback, a seed.
 */
final class BadCableGateway {
  /** Each way. The round trip takes 10 to 60 ms, more for what stays behind. */
  static final LinkFaults FAULTS =
      LinkFaults.NONE
          .withDelayNanos(TimeUnit.MILLISECONDS.toNanos(5), TimeUnit.MILLISECONDS.toNanos(30))
          .withReordering(0.1)
          .withLoss(0.02)
          .withDuplication(0.01)
          .withCorruption(0.01);

  private BadCableGateway() {}

  /** The command that runs it on a machine. */
  static List<String> command(
      String device, String kind, String offloads, int proxyPort, long seed) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "@" + Machine.PROJECT + "/scripts/jvm.args",
        "-cp",
        "%1$s/e2e/target/test-classes:%1$s/cli/target/dist/lib/*".formatted(Machine.PROJECT),
        BadCableGateway.class.getName(),
        device,
        kind,
        offloads,
        Integer.toString(proxyPort),
        Long.toString(seed));
  }

  /** Runs it until it is killed. */
  public static void main(String[] arguments)
      throws IOException, InterruptedException, ExecutionException {
    var medium = arguments[1].equals("tun") ? Link.Medium.IP : Link.Medium.ETHERNET;
    var device =
        TunDevice.open(new NetworkInterface(arguments[0]), medium, arguments[2].equals("on"));
    var proxy =
        new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[3]));
    var random = new SplittableRandom(Long.parseLong(arguments[4]));
    var cable = new FaultInjectionLink(new DeviceLink(device), FAULTS, FAULTS, random);
    var end = new CompletableFuture<Void>();
    var gateway =
        new org.torvtl.gateway.Gateway(
            List.of(
                new GuestDevice(
                    arguments[0],
                    List.of(cable),
                    StackConfig.of(StackConfig.DEFAULT_ADDRESS),
                    new PerGuestIsolation(arguments[0], new SecureRandom()))),
            FlowConfig.DEFAULT,
            new TorEgress(proxy, PeerCheck.ANY, EgressListener.NONE),
            new SecureRandom(),
            end::completeExceptionally);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() -> {
              gateway.close();
              System.out.println(text("from guest", cable.fromLink()));
              System.out.println(text("to guest", cable.toLink()));
              System.out.println(gateway.counters());
            }));
    gateway.start();
    System.out.println("ready");
    end.get();
  }

  private static String text(String way, FaultCounters counters) {
    return String.format(
        Locale.ROOT,
        "%s: frames=%d lost=%d duplicated=%d reordered=%d corrupted=%d queueDrops=%d",
        way,
        counters.frames,
        counters.lost,
        counters.duplicated,
        counters.reordered,
        counters.corrupted,
        counters.queueDrops);
  }
}
