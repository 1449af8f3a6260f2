/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** {@link HostileFramesTest} is worth what its frames are, and that they are sent. */
class FrameInjectorTest {
  private static final int FRAMES = 10_000;

  @Test
  void framesAreVariousAndRepeatable() {
    var frames = frames(1);
    assertThat(frames).allMatch(f -> f.length >= HostileFrames.MIN_LENGTH);
    assertThat(frames).allMatch(f -> f.length <= HostileFrames.MAX_LENGTH);
    assertThat(frames.stream().map(Arrays::hashCode).distinct().count())
        .isGreaterThan(FRAMES * 95 / 100);
    for (int type : new int[] {0x0806, 0x0800, 0x86DD}) {
      assertThat(frames)
          .filteredOn(f -> ByteBuffer.wrap(f).getShort(12) == (short) type)
          .hasSizeGreaterThan(FRAMES / 20);
    }
    assertThat(Arrays.deepEquals(frames(1).toArray(), frames.toArray())).isTrue();
    assertThat(Arrays.deepEquals(frames(2).toArray(), frames.toArray())).isFalse();
  }

  private static List<byte[]> frames(long seed) {
    var source =
        new HostileFrames(
            new SplittableRandom(seed), new byte[] {2, 0, 0, 0, 0, 7}, 0x0A000002, 0xC61200C8);
    return IntStream.range(0, FRAMES).mapToObj(i -> source.next()).toList();
  }

  @Test
  void everyFrameIsSent() throws Exception {
    try (var machine = Machine.boot()) {
      machine.script(
          """
          ip link add near type veth peer name far
          ip link set far up
          ip link set near up
          """);
      try (var capture = Capture.of(machine, "far")) {
        var mac = machine.script("cat /sys/class/net/near/address").line();
        var injector =
            machine.start(
                FrameInjector.command(
                    Machine.PROJECT, "near", 7, FRAMES, "10.0.0.2", "198.18.0.200"));
        assertThat(injector.await(Duration.ofMinutes(1)).orThrow().line())
            .isEqualTo("sent " + FRAMES);
        Waiting.until(
            "the last frame on the other side",
            Duration.ofSeconds(10),
            () ->
                Integer.parseInt(
                        machine.script("cat /sys/class/net/far/statistics/rx_packets").line())
                    >= FRAMES);
        assertThat(capture.end())
            .filteredOn(packet -> packet.hardwareSource().equals(mac))
            .hasSizeGreaterThan(FRAMES * 8 / 10);
      }
    }
  }
}
