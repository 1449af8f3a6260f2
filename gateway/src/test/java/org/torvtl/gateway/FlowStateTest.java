/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.torvtl.egress.Destination;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.Refusal;
import org.torvtl.tcp.CloseReason;
import org.torvtl.wire.TcpSegment;

/** The states of a flow, each transition on virtual time with an egress in memory. */
class FlowStateTest {
  private static final int WEB = 80, PRINTER = 9100;
  private static final Duration ANSWER = Duration.ofSeconds(15), LINGER = Duration.ofSeconds(5);
  private static final Duration DRAIN = Duration.ofSeconds(60);
  private static final Duration MOMENT = Duration.ofMillis(1);
  private static final FlowConfig CONFIG =
      new FlowConfig(ANSWER, LINGER, DRAIN, Duration.ofSeconds(30), Set.of(PRINTER));

  private static final class Refused extends EgressException {
    private final Refusal refusal;

    Refused(Refusal refusal) {
      super("refused by the test", null);
      this.refusal = refusal;
    }

    @Override
    public Refusal refusal() {
      return refusal;
    }
  }

  @Test
  void theEgressIsAskedForWhatTheGuestAskedFor() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      world.guest.connect(GuestHost.FAR, WEB);
      assertThat(world.farEnd().destination).isEqualTo(Destination.ofIpv4(GuestHost.FAR, WEB));
      assertThat(world.farEnd().isolation.text()).endsWith("02:00:00:00:00:02-0");
    }
  }

  @Test
  void connectingToRefused() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.guest.connect(GuestHost.FAR, WEB);
      world.farEnd().handler.refused(new Refused(Refusal.RESET));
      world.turn();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.REFUSED_BY_PEER);
      assertThat(world.counters().refused).isEqualTo(1);
      assertThat(world.counters().abandoned).as("it is counted once").isZero();
    }
  }

  /** Exhaustion here says nothing about the far end: the guest's SYN is repeated, and heard. */
  @Test
  void connectingToAskedAgain() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.guest.connect(GuestHost.FAR, WEB);
      world.farEnd().handler.refused(new Refused(Refusal.NONE));
      world.pass(Duration.ofSeconds(3));
      assertThat(socket.saw(TcpSegment.RST)).isFalse();
      assertThat(world.egress.streams).hasSize(2);
      assertThat(world.counters().exhausted).isEqualTo(1);
      assertThat(world.counters().refused).isZero();
    }
  }

  @Test
  void connectingToClosedByTheGuest() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.guest.connect(GuestHost.FAR, WEB);
      socket.resetWhileConnecting();
      world.turn();
      assertThat(world.farEnd().isClosed).isTrue();
      assertThat(world.counters().abandoned).isEqualTo(1);
      world.farEnd().handler.opened();
      world.turn();
      assertThat(world.counters().opened).isZero();
    }
  }

  @Test
  void openToFarEndDoneToClosed() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      socket.send("question");
      assertThat(world.farEnd().heard).hasToString("question");
      world.farEnd().says("answer");
      world.farEnd().handler.ended();
      world.turn();
      assertThat(socket.saw(TcpSegment.FIN)).as("the end is not confirmed yet").isFalse();
      world.farEnd().confirmations.removeLast().accept(true);
      world.turn();
      socket.awaitText("answer");
      socket.awaitEnd();
      assertThat(world.farEnd().isClosed).as("the guest may still speak").isFalse();
      socket.send("more");
      assertThat(world.farEnd().heard).hasToString("questionmore");
      socket.finish();
      world.turn();
      assertThat(world.counters().ended).isEqualTo(1);
      assertThat(world.farEnd().isClosed).isTrue();
    }
  }

  /** A FIN would pass a download off as a complete one. */
  @Test
  void confirmingToCutWhenTheEgressIsGone() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      world.farEnd().says("half of");
      world.farEnd().ends(false);
      world.turn();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(socket.saw(TcpSegment.FIN)).isFalse();
      assertThat(world.counters().egressLost).isEqualTo(1);
    }
  }

  @Test
  void openToCutWhenTheStreamIsLost() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      world.farEnd().handler.lost("Connection reset by peer");
      world.turn();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().streamLost).isEqualTo(1);
      assertThat(world.farEnd().isClosed).isTrue();
    }
  }

  /** What was sent by the far end reaches the guest before it learns that it speaks to no one. */
  @Test
  void farEndDoneToCutOnceAllIsDelivered() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      world.farEnd().says("all of it");
      world.farEnd().ends(true);
      world.farEnd().handler.lost("Broken pipe");
      world.turn();
      socket.awaitText("all of it");
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().streamLost).isEqualTo(1);
    }
  }

  @Test
  void aGuestThatHasEndedWaitsForAnAnswerSoLong() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      socket.send("question");
      socket.finish();
      world.pass(ANSWER.minus(MOMENT));
      assertThat(world.counters().silent).isZero();
      world.pass(MOMENT);
      assertThat(world.counters().silent).isEqualTo(1);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
    }
  }

  @Test
  void aFarEndThatSpokeLastIsWaitedForLess() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      socket.send("question");
      world.farEnd().says("answer");
      world.turn();
      socket.finish();
      world.pass(LINGER.minus(MOMENT));
      assertThat(world.counters().endedByGuest).isZero();
      world.pass(MOMENT);
      assertThat(world.counters().endedByGuest).isEqualTo(1);
    }
  }

  @Test
  void eachWordOfTheFarEndBeginsTheWaitAnew() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      socket.send("question");
      socket.finish();
      for (int i = 0; i < 5; i++) {
        world.pass(LINGER.minus(MOMENT));
        world.farEnd().says("word ");
        world.turn();
      }
      assertThat(world.counters().endedByGuest).isZero();
      world.pass(LINGER);
      assertThat(world.counters().endedByGuest).isEqualTo(1);
    }
  }

  /** The far end has not had the question yet. */
  @Test
  void theWaitBeginsWhenTheEgressHasTakenTheGuestsLastBytes() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      world.farEnd().takes = false;
      socket.send("question");
      socket.finish();
      world.pass(ANSWER.minusSeconds(1));
      world.farEnd().takesAll();
      world.pass(ANSWER.minus(MOMENT));
      assertThat(world.counters().silent).isZero();
      world.pass(MOMENT);
      assertThat(world.counters().silent).isEqualTo(1);
    }
  }

  @Test
  void anUploadEndsAsAWholeWithoutAnAnswer() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(PRINTER);
      socket.send("a page");
      socket.finish();
      world.pass(Duration.ofMillis(499));
      assertThat(world.farEnd().confirmations).isEmpty();
      world.pass(MOMENT);
      world.farEnd().confirmations.removeLast().accept(true);
      world.turn();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(world.counters().uploads).isEqualTo(1);
    }
  }

  @Test
  void theGuestsLastBytesAreDrainedOnceItIsGone() throws Exception {
    try (var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      world.farEnd().ends(true);
      world.turn();
      world.farEnd().takes = false;
      socket.send("last words");
      socket.finish();
      world.turn();
      assertThat(world.counters().ended).isEqualTo(1);
      assertThat(world.farEnd().isClosed).as("not before they are taken").isFalse();
      assertThat(world.counters().undrained).isZero();
      world.farEnd().takesAll();
    }
  }

  @Test
  void aDefectCutsTheFlow() throws Exception {
    try (var errors = new ErrorLog();
        var world = new VirtualWorld(CONFIG)) {
      var socket = world.connected(WEB);
      world.farEnd().handler.failed(new IllegalStateException("a defect"));
      world.turn();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().failed).isEqualTo(1);
      assertThat(errors.lines()).containsExactly(ErrorLog.CUT);
    }
  }
}
