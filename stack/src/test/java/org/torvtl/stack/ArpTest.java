/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.link.ForwardingLink;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.MacAddress;

/**
 * Guests on one link, one of which claims by ARP what the others use: none may lose its network.
 */
class ArpTest {
  private static final long GUEST = 0x0200_0000_0002L, NEIGHBOR = 0x0200_0000_0003L;
  private static final long ATTACKER = 0x0200_0000_0066L;
  private static final int GUEST_IP = Ipv4Address.parse("10.0.2.15");
  private static final int NEIGHBOR_IP = Ipv4Address.parse("10.0.2.16");
  private static final int ATTACKER_IP = Ipv4Address.parse("10.0.2.66");
  private static final int ROUTER_IP = Ipv4Address.parse("10.0.2.2");

  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
  private boolean isolatesGuests;
  private long now;
  private final Stack stack =
      new Stack(
          new Guarded(),
          StackConfig.of(StackConfig.DEFAULT_ADDRESS),
          new TakingHandler(),
          () -> now,
          deadline -> {},
          new byte[16],
          Unpoliced.policer());

  ArpTest() {
    cable[0].start(stack);
  }

  @AfterEach
  void close() {
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  /** The cable, with or without a guard between the guests. */
  private final class Guarded extends ForwardingLink {
    Guarded() {
      super(cable[0]);
    }

    @Override
    public void start(IoEventLoop loop, Receiver receiver) {
      link.start(loop, receiver);
    }

    @Override
    public void send(ByteBuf headers, ByteBuf payload) {
      link.send(headers, payload);
    }

    @Override
    public boolean isolatesGuests() {
      return isolatesGuests;
    }

    @Override
    public void close() {
      link.close();
    }
  }

  private void send(ByteBuf frame) {
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
    cable[0].deliver();
  }

  private void claims(long guest, int address) {
    send(GuestFrames.arpRequest(guest, guest, address, address));
    assertThat(isAnswered(guest)).as("an announcement is answered").isFalse();
  }

  private boolean isAnsweredFor(long guest, int own, int address) {
    send(GuestFrames.arpRequest(guest, guest, own, address));
    return isAnswered(guest);
  }

  private boolean isAnswered(long guest) {
    var frame = cable[1].poll();
    if (frame == null) {
      return false;
    }
    assertThat(MacAddress.get(frame, 0)).isEqualTo(guest);
    frame.release();
    return true;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aClaimToTheRouterOfAnotherTakesItFromNobody(boolean isIsolated) {
    isolatesGuests = isIsolated;
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP)).isTrue();
    claims(ATTACKER, ROUTER_IP);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP)).isTrue();
    // So is one that comes later.
    assertThat(isAnsweredFor(NEIGHBOR, NEIGHBOR_IP, ROUTER_IP)).isTrue();
    assertThat(isAnsweredFor(ATTACKER, ROUTER_IP, GUEST_IP)).isEqualTo(isIsolated);
    assertThat(stack.counters().dropCount(Drop.ARP_CLAIM)).isEqualTo(isIsolated ? 0 : 2);
  }

  /** Any ARP packet is a claim to its sender's address. */
  @Test
  void aQuestionFromAnothersRouterTakesItFromNobody() {
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP)).isTrue();
    assertThat(isAnsweredFor(ATTACKER, ROUTER_IP, ATTACKER_IP)).isTrue();
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP)).isTrue();
  }

  /** Though it was first, and nobody has asked for the address yet. */
  @Test
  void whereGuestsAreIsolatedNoClaimCounts() {
    isolatesGuests = true;
    claims(ATTACKER, ROUTER_IP);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP)).isTrue();
    claims(NEIGHBOR, NEIGHBOR_IP);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, NEIGHBOR_IP)).isTrue();
    // What was learnt before the device became a port of a bridge counts no more.
    isolatesGuests = false;
    claims(NEIGHBOR, ROUTER_IP + 1);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP + 1)).isFalse();
    isolatesGuests = true;
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP + 1)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aGuestThatProbesOrAnnouncesHearsNothing(boolean isIsolated) {
    isolatesGuests = isIsolated;
    send(GuestFrames.arpRequest(GUEST, GUEST, Ipv4Address.UNSPECIFIED, GUEST_IP));
    assertThat(isAnswered(GUEST)).isFalse();
    claims(GUEST, GUEST_IP);
  }

  @Test
  void guestsThatComeUpOneAfterTheOtherReachEachOther() {
    claims(GUEST, GUEST_IP);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, ROUTER_IP)).isTrue();
    // The neighbor does not announce itself.
    assertThat(isAnsweredFor(NEIGHBOR, NEIGHBOR_IP, ROUTER_IP)).isTrue();
    assertThat(isAnsweredFor(NEIGHBOR, NEIGHBOR_IP, GUEST_IP)).isFalse();
    assertThat(isAnsweredFor(GUEST, GUEST_IP, NEIGHBOR_IP)).isFalse();
    assertThat(stack.counters().dropCount(Drop.ARP_CLAIM)).isZero();
  }

  /** Else it would be displaced with the attacker's other claims, and the gateway answer for it. */
  @Test
  void aClaimToAnothersOwnAddressTakesItFromNobody() {
    for (int i = 0; i < 2; i++) {
      claims(GUEST, GUEST_IP);
      claims(ATTACKER, ATTACKER_IP);
      now += Greylist.PROBATION_NANOS;
    }
    claims(GUEST, GUEST_IP);
    claims(ATTACKER, GUEST_IP);
    assertThat(stack.counters().dropCount(Drop.ARP_CLAIM)).isOne();
    for (int i = 1; i <= 2 * NeighborCache.CAPACITY; i++) {
      claims(ATTACKER, ATTACKER_IP + i);
    }
    assertThat(isAnsweredFor(NEIGHBOR, NEIGHBOR_IP, GUEST_IP)).isFalse();
  }

  /** One of the same address is a guest as any other. */
  @Test
  void aGuestWhoseClaimIsNotBelievedIsServed() {
    claims(GUEST, GUEST_IP);
    claims(NEIGHBOR, GUEST_IP);
    assertThat(isAnsweredFor(NEIGHBOR, GUEST_IP, ROUTER_IP)).isTrue();
  }

  /** It may wait: after so long without a question the address is nobody's. */
  @Test
  void anAddressThatIsNotAskedForAnyMoreMayBeClaimed() {
    assertThat(isAnsweredFor(GUEST, GUEST_IP, NEIGHBOR_IP)).isTrue();
    claims(NEIGHBOR, NEIGHBOR_IP);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, NEIGHBOR_IP)).isTrue();
    now += NeighborCache.LIFETIME_NANOS;
    claims(NEIGHBOR, NEIGHBOR_IP);
    assertThat(isAnsweredFor(GUEST, GUEST_IP, NEIGHBOR_IP)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aFrameSpeaksForItsSourceOnly(boolean isIsolated) {
    isolatesGuests = isIsolated;
    send(GuestFrames.arpRequest(ATTACKER, NEIGHBOR, NEIGHBOR_IP, ROUTER_IP));
    assertThat(cable[1].poll()).isNull();
    assertThat(stack.counters().dropCount(Drop.ARP_SENDER)).isOne();
    assertThat(isAnsweredFor(GUEST, GUEST_IP, NEIGHBOR_IP)).as("nothing was learnt").isTrue();
  }
}
