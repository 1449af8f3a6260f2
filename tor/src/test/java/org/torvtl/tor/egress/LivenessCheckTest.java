/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.torvtl.egress.EgressListener;
import org.torvtl.tor.socks.SocksException;

/** Questions and answers, each of them given by the test. */
class LivenessCheckTest {
  private final Exception exhausted =
      SocksException.exhausted(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), 9050), "no descriptors left");

  private boolean hasStreams = true;
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final Asked egress = new Asked();
  private final List<String> told = new ArrayList<>();
  private final LivenessCheck check =
      new LivenessCheck(channel.eventLoop(), egress, new Outage(telling()), () -> hasStreams);
  private final List<String> heard = new ArrayList<>();

  private EgressListener telling() {
    return new EgressListener() {
      @Override
      public void gone() {
        told.add("gone");
      }

      @Override
      public void back(Duration away) {
        told.add("back after " + away);
      }
    };
  }

  private static final class Asked implements LivenessCheck.Questions {
    final List<Promise<Boolean>> questions = new ArrayList<>();
    final List<Promise<Boolean>> watches = new ArrayList<>();

    boolean isFaulty;

    @Override
    public Future<Boolean> isAlive(EventLoop loop) {
      if (isFaulty) {
        throw new IllegalStateException("a fault");
      }
      questions.add(loop.newPromise());
      return questions.getLast();
    }

    @Override
    public Future<Boolean> watch(EventLoop loop) {
      watches.add(loop.newPromise());
      return watches.getLast();
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
    egress.questions.getFirst().setFailure(new IllegalStateException("a fault"));
    assertThat(heard).containsExactly("a false");
  }

  @Test
  void aQuestionThatCannotEvenBePutIsAnsweredWithNo() {
    egress.isFaulty = true;
    ask("a");
    assertThat(heard).containsExactly("a false");
    assertThat(check.failedQuestions()).isEqualTo(1);
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

  private void pass(int millis) {
    channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
  }

  /** Nobody knows whether the egress is there, so nobody is told that it is gone. */
  @Test
  void aQuestionThatCannotBePutIsPutAgain() {
    channel.freezeTime();
    ask("a");
    ask("b");
    egress.questions.getFirst().setFailure(exhausted);
    assertThat(heard).isEmpty();
    assertThat(check.failedQuestions()).isZero();
    ask("c");
    pass(999);
    assertThat(egress.questions).hasSize(1);
    pass(1);
    assertThat(egress.questions).hasSize(2);
    egress.questions.getLast().setSuccess(true);
    assertThat(heard).containsExactly("a true", "b true", "c true");
    assertThat(check.wasGoneSince(Long.MIN_VALUE)).isFalse();
    ask("d");
    assertThat(egress.questions).hasSize(3);
  }

  @Test
  void aWatchThatCannotBeIsNoSign() {
    channel.freezeTime();
    check.watch();
    egress.watches.getLast().setFailure(exhausted);
    assertThat(egress.questions).isEmpty();
    assertThat(egress.watches).hasSize(1);
    pass(1000);
    assertThat(egress.watches).hasSize(2);
    egress.watches.getLast().setSuccess(true);
    assertThat(egress.watches).hasSize(3);
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

  @Test
  void anOutageIsToldOnceAndLookedAtUntilItsEnd() {
    channel.freezeTime();
    ask("a");
    egress.questions.getLast().setSuccess(false);
    check.noteGone(channel.eventLoop().ticker().nanoTime());
    assertThat(told).containsExactly("gone");
    for (int i = 2; i <= 4; i++) {
      pass(999);
      assertThat(egress.questions).hasSize(i - 1);
      pass(1);
      assertThat(egress.questions).hasSize(i);
      egress.questions.getLast().setSuccess(i == 4);
    }
    assertThat(told).hasSize(2);
    assertThat(told.getLast()).startsWith("back after PT");
    pass(5000);
    assertThat(egress.questions).hasSize(4);
    check.noteGone(channel.eventLoop().ticker().nanoTime());
    assertThat(told).hasSize(3).last().isEqualTo("gone");
  }

  /** Lanes share it. */
  @Test
  void anOutageOfWhichOneHasToldIsNotToldAgain() {
    var outage = new Outage(telling());
    assertThat(outage.begin(1_000_000_000L)).isTrue();
    assertThat(outage.begin(2_000_000_000L)).isFalse();
    outage.end(4_000_000_000L);
    outage.end(5_000_000_000L);
    assertThat(told).containsExactly("gone", "back after PT3S");
  }

  @Test
  void watchesAsLongAsThereAreStreams() {
    check.watch();
    check.watch();
    assertThat(egress.watches).hasSize(1);
    egress.watches.getLast().setSuccess(true);
    assertThat(egress.watches).hasSize(2);
    hasStreams = false;
    egress.watches.getLast().setSuccess(true);
    assertThat(egress.watches).hasSize(2);
    hasStreams = true;
    check.watch();
    assertThat(egress.watches).hasSize(3);
    assertThat(egress.questions).isEmpty();
  }

  @Test
  void asksOnASignAndWatchesAnewOnlyForAnotherStreamOnceTheEgressIsGone() {
    check.watch();
    egress.watches.getLast().setSuccess(false);
    egress.questions.getLast().setSuccess(false);
    assertThat(
            check.wasGoneSince(channel.eventLoop().ticker().nanoTime() - TimeUnit.HOURS.toNanos(1)))
        .isTrue();
    assertThat(egress.watches).hasSize(1);
    check.watch();
    assertThat(egress.watches).hasSize(2);
  }

  @Test
  void pausesAfterASignThatMeantNothing() {
    channel.freezeTime();
    check.watch();
    egress.watches.getLast().setSuccess(false);
    egress.questions.getLast().setSuccess(true);
    check.watch();
    channel.advanceTimeBy(999, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(egress.watches).hasSize(1);
    channel.advanceTimeBy(1, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(egress.watches).hasSize(2);
    assertThat(check.failedQuestions()).isZero();
  }
}
