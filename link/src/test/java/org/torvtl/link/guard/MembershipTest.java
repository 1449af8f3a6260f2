/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.LinkTable.Entry;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.Segment.Port;

/** On interfaces that are made up; on a real kernel e2e's HostIsolationTest. */
class MembershipTest {
  private static final Entry BRIDGE = entry(3, "br0", "bridge", 0);
  private static final Entry GUEST = entry(4, "vnet1", "tun", 3);
  private static final Entry FREE_GUEST = entry(4, "vnet1", "tun", 0);
  private static final Entry TAP = entry(6, "tap1", "tun", 3);
  private static final Entry FREE_TAP = entry(6, "tap1", "tun", 0);
  private static final Entry NETWORK = entry(7, "eth0", "", 3);
  private static final Entry FREE_NETWORK = entry(7, "eth0", "", 0);

  private final Set<Integer> leadOut = new HashSet<>();

  private final Objections objections =
      new Objections() {
        @Override
        public Optional<String> get() {
          return leadOut.isEmpty() ? Optional.empty() : Optional.of("the host's own");
        }

        @Override
        public boolean leadsOut(int index) {
          return leadOut.contains(index);
        }
      };

  private static Entry entry(int index, String name, String kind, int master) {
    return new Entry(index, name, kind, master, 0, false, null);
  }

  private static Port port(Entry entry) {
    return new Port(entry.index(), entry.name());
  }

  private Membership of(Role role, Entry device) {
    return new Membership(List.of(new Attachment(role, device.index(), device.name())), objections);
  }

  private static Segment keep(Membership membership, Entry... interfaces) throws Exception {
    var segment = membership.survey(List.of(interfaces));
    membership.keep(segment);
    return segment;
  }

  @Test
  void aBridgeThatTheTapHasLeftIsTheGuestsStill() throws Exception {
    var membership = of(Role.TAP, TAP);
    keep(membership, BRIDGE, GUEST, TAP);
    var segment = keep(membership, BRIDGE, GUEST, FREE_TAP);
    assertThat(segment.silent()).containsExactly(port(BRIDGE));
    assertThat(segment.guests()).containsExactly(port(GUEST));
  }

  /** It was never on a link that is served. */
  @Test
  void aPortThatCameWhenTheTapHadLeftIsNotKept() throws Exception {
    var membership = of(Role.TAP, TAP);
    keep(membership, BRIDGE, TAP);
    assertThat(keep(membership, BRIDGE, GUEST, FREE_TAP).guests()).containsExactly(port(GUEST));
    assertThat(keep(membership, BRIDGE, FREE_GUEST, FREE_TAP).silent())
        .containsExactly(port(BRIDGE));
  }

  /** The host was cut off from it until the gateway had ended. */
  @Test
  void aBridgeThatBecomesTheHostsLaterIsGivenBack() throws Exception {
    for (var tap : List.of(TAP, FREE_TAP)) {
      var membership = of(Role.TAP, TAP);
      keep(membership, BRIDGE, GUEST, TAP);
      leadOut.addAll(Set.of(3, 7));
      var segment = keep(membership, BRIDGE, GUEST, tap, NETWORK);
      assertThat(segment.bridges()).isEmpty();
      assertThat(segment.silent()).as("a guest's port").containsExactly(port(GUEST));
      assertThat(segment.deaf()).containsExactly(port(TAP));
      leadOut.clear();
      segment = keep(membership, BRIDGE, GUEST, FREE_TAP, FREE_NETWORK);
      assertThat(segment.silent()).as("as long as it is served").containsExactly(port(GUEST));
    }
  }

  /** A bridge that is named is guarded, whatever becomes of it; its uplink is not kept. */
  @Test
  void theHostsNetworkIsGivenBackOnceItHasLeftTheBridge() throws Exception {
    var membership = of(Role.SOCKET, BRIDGE);
    keep(membership, BRIDGE);
    leadOut.addAll(Set.of(3, 7));
    assertThat(keep(membership, BRIDGE, NETWORK, GUEST).guests())
        .containsExactly(port(GUEST), port(NETWORK));
    leadOut.remove(3);
    var segment = keep(membership, BRIDGE, FREE_NETWORK, FREE_GUEST);
    assertThat(segment.silent())
        .as("a guest that came while nothing was carried")
        .containsExactly(port(BRIDGE), port(GUEST));
  }

  @Test
  void whatIsGoneIsForgotten() throws Exception {
    var membership = of(Role.TAP, TAP);
    keep(membership, BRIDGE, GUEST, TAP);
    keep(membership, FREE_TAP);
    var segment = keep(membership, BRIDGE, FREE_GUEST, FREE_TAP);
    assertThat(segment.silent()).as("others have these numbers now").isEmpty();
    assertThat(segment.isOwnDevice()).isTrue();

    keep(membership, BRIDGE, GUEST, TAP);
    membership.forget(Set.of(3, 4));
    segment = keep(membership, BRIDGE, FREE_GUEST, FREE_TAP);
    assertThat(segment.silent()).as("though that was not seen in between").isEmpty();
  }

  @Test
  void whatAKilledGatewayHasSilencedStaysSo() throws Exception {
    var membership = of(Role.TAP, TAP);
    leadOut.add(7);
    membership.takeOver(List.of(BRIDGE, FREE_GUEST, FREE_TAP, FREE_NETWORK), Set.of(3, 4, 6, 7, 9));
    var segment = keep(membership, BRIDGE, FREE_GUEST, FREE_TAP, FREE_NETWORK);
    assertThat(segment.silent()).containsExactly(port(BRIDGE), port(GUEST));
    assertThat(segment.deaf()).containsExactly(port(TAP));
  }
}
