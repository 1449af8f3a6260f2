/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.tor.socks.ReadSizes;

/** Questions and answers, each of them given by the test. */
class LivenessCheckTest {
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final Asked egress = new Asked();
  private final LivenessCheck check = new LivenessCheck(channel.eventLoop(), egress);
  private final List<String> heard = new ArrayList<>();

  private static final class Asked implements Egress {
    final List<Promise<Boolean>> questions = new ArrayList<>();

    @Override
    public Future<Boolean> isAlive(EventLoop loop) {
      questions.add(loop.newPromise());
      return questions.getLast();
    }

    @Override
    public String isolationKey(long guest) {
      throw new AssertionError();
    }

    @Override
    public Future<Channel> connect(
        EventLoop loop,
        String isolationKey,
        int address,
        int port,
        ReadSizes reads,
        ChannelHandler next) {
      throw new AssertionError();
    }

    @Override
    public Refusal refusal(Throwable cause) {
      throw new AssertionError();
    }

    @Override
    public boolean isGone(Throwable cause) {
      throw new AssertionError();
    }

    @Override
    public Future<InetAddress> resolve(EventLoop loop, String isolationKey, String name) {
      throw new AssertionError();
    }

    @Override
    public Future<String> resolvePtr(EventLoop loop, String isolationKey, InetAddress address) {
      throw new AssertionError();
    }
  }

  private void ask(String name) {
    check.ask(alive -> heard.add(name + " " + alive));
  }

  @Test
  void anAnswerCountsOnlyForThoseThatAskedBeforeTheQuestionWasPut() {
    ask("a");
    ask("b");
    ask("c");
    assertThat(egress.questions).hasSize(1);
    egress.questions.getFirst().setSuccess(true);
    assertThat(heard).containsExactly("a true");
    assertThat(egress.questions).hasSize(2);
    egress.questions.getLast().setSuccess(false);
    assertThat(heard).containsExactly("a true", "b false", "c false");
    ask("d");
    assertThat(egress.questions).hasSize(3);
    assertThat(check.failedQuestions()).isEqualTo(1);
  }

  @Test
  void aQuestionThatFailsIsAnsweredWithNo() {
    ask("a");
    egress.questions.getFirst().setFailure(new IllegalStateException("no descriptors left"));
    assertThat(heard).containsExactly("a false");
  }

  @Test
  void oneThatFailsToHearTheAnswerDoesNotKeepItFromTheOthers() {
    ask("first");
    check.ask(alive -> {
      throw new IllegalStateException("a fault");
    });
    ask("a");
    egress.questions.getFirst().setSuccess(true);
    egress.questions.getLast().setSuccess(true);
    assertThat(heard).containsExactly("first true", "a true");
    ask("b");
    egress.questions.getLast().setSuccess(true);
    assertThat(heard).containsExactly("first true", "a true", "b true");
  }

  @Test
  void remembersWhenTheEgressWasGone() {
    assertThat(check.wasGoneSince(Long.MIN_VALUE)).isFalse();
    check.noteGone(100);
    assertThat(check.wasGoneSince(99)).isTrue();
    assertThat(check.wasGoneSince(100)).isFalse();
    check.noteGone(200);
    assertThat(check.wasGoneSince(150)).isTrue();
  }
}
