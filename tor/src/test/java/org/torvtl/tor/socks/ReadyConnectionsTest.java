/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ReadyConnectionsTest {
  private final ReadyConnections ready = new ReadyConnections();

  private EmbeddedChannel put() {
    var channel = new EmbeddedChannel();
    channel.freezeTime();
    ready.put(channel);
    return channel;
  }

  @Test
  void givesOutTheOneThatWaitsShortestWithoutAHandler() {
    var first = put();
    var second = put();
    assertThat(ready.take()).isSameAs(second);
    assertThat(ready.take()).isSameAs(first);
    assertThat(ready.take()).isNull();
    assertThat(first.pipeline().toMap()).isEmpty();
  }

  @Test
  void closesTheSeventeenth() {
    for (int i = 0; i < 16; i++) {
      assertThat(put().isOpen()).isTrue();
    }
    assertThat(put().isOpen()).isFalse();
  }

  @Test
  void closesOneThatHasWaitedForHalfAMinute() {
    var channel = put();
    channel.advanceTimeBy(29_999, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(channel.isOpen()).isTrue();
    channel.advanceTimeBy(1, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(channel.isOpen()).isFalse();
    assertThat(ready.take()).isNull();
  }

  @Test
  void doesNotCloseOneThatWasTaken() {
    var channel = put();
    assertThat(ready.take()).isSameAs(channel);
    channel.advanceTimeBy(60, TimeUnit.SECONDS);
    channel.runScheduledPendingTasks();
    assertThat(channel.isOpen()).isTrue();
  }

  @Test
  void forgetsOneThatTheProxyHasClosed() {
    put().close();
    assertThat(ready.take()).isNull();
  }

  @Test
  void closesOneThatTalks() {
    var channel = put();
    var talk = Unpooled.copiedBuffer(new byte[] {5});
    channel.pipeline().fireChannelRead(talk);
    assertThat(channel.isOpen()).isFalse();
    assertThat(talk.refCnt()).isZero();
    assertThat(ready.take()).isNull();
  }
}
