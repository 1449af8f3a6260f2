/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.egress.Destination;
import org.torvtl.egress.Egress;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;

/** How long a far end is waited for once the guest has ended its side. */
@Timeout(60)
class FarEndWaitTest {
  private static final Duration SHORT = Duration.ofMillis(150);
  private static final int CONTROL = 2121, UPLOAD = 50_000, DOWNLOAD = 50_001, SLOW = 50_002;

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  /**
   * A guest may end its side of a connection for data at once, and take the file after that. The
   * upload that ends meanwhile has waited as long as an upload has to.
   */
  @Test
  void aDownloadBesideAControlConnectionIsNoUpload() throws Exception {
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        switch (stream.port()) {
          case CONTROL -> stream.out().write(ascii("220 at your service\r\n"));
          case DOWNLOAD -> {
            stream.out().write(ascii("first, "));
            go.await();
            stream.out().write(ascii("rest"));
          }
          case SLOW -> {
            go.await();
            stream.out().write(ascii("all"));
          }
          default -> {}
        }
        stream.awaitEnd();
      });
      world.guest.connected(CONTROL).awaitText("220 at your service\r\n");
      var download = world.guest.connected(DOWNLOAD);
      download.awaitText("first, ");
      download.finish();
      var asked = world.guest.connected(DOWNLOAD);
      asked.awaitText("first, ");
      asked.send("please");
      asked.finish();
      var slow = world.guest.connected(SLOW);
      slow.finish();

      var upload = world.guest.connected(UPLOAD);
      upload.send("a small file");
      upload.finish();
      assertThat(upload.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(world.counters().uploads).isEqualTo(1);
      go.countDown();
      download.awaitText("first, rest");
      asked.awaitText("first, rest");
      slow.awaitText("all");
      assertThat(world.counters().silent).isZero();
    }
  }

  /** Its streams to port 80 do not tell how long ago they took bytes. */
  private static final class Untold extends ForwardingEgress {
    Untold(Egress inner) {
      super(inner);
    }

    @Override
    public EgressStream connect(
        EventLoop loop,
        Destination destination,
        IsolationKey isolation,
        StreamOptions options,
        StreamHandler handler) {
      var stream = super.connect(loop, destination, isolation, options, handler);
      return destination.port() != 80
          ? stream
          : new ForwardingEgress.Stream(stream) {
            @Override
            public long nanosSinceTook() {
              throw new IllegalStateException("a fault in the egress");
            }
          };
    }
  }

  /** Netty keeps what a timer throws to itself: the flow was there for ever. */
  @Test
  void aFaultInTheTimerCutsTheFlow() throws Exception {
    var config = new FlowConfig(SHORT, LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, Set.of());
    try (var errors = new ErrorLog();
        var world = new LaneWorld(config, 1500, TcpConfig.defaults(), Untold::new)) {
      world.proxy.plays(each -> {
        each.accept();
        each.in().readNBytes(5);
        if (each.port() == 81) {
          each.out().write(ascii("hello"));
        }
        each.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.finish();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().failed).isEqualTo(1);
      assertThat(errors.lines()).containsExactly(ErrorLog.CUT);
      var other = world.guest.connected(81);
      other.send("hello");
      other.awaitText("hello");
    }
  }
}
