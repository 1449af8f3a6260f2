/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.LinkTable.Entry;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.Segment.Port;

class SegmentTest {
  private static final Entry BRIDGE = entry(3, "br0", "bridge", 0, 0);
  private static final Entry ONE = entry(4, "vnet1", "tun", 3, 0);
  private static final Entry TWO = entry(5, "vnet2", "veth", 3, 40);
  private static final Entry TAP = entry(6, "tap1", "tun", 3, 0);
  private static final Entry OTHER = entry(7, "eth0", "", 0, 0);

  private static Entry entry(int index, String name, String kind, int master, int lower) {
    return new Entry(index, name, kind, master, lower, false, null);
  }

  private static Segment of(List<Entry> interfaces, Attachment... attachments) {
    return Segment.of(interfaces, List.of(attachments));
  }

  private static Port port(Entry entry) {
    return new Port(entry.index(), entry.name());
  }

  @Test
  void aBridgeIsSilentAndItsPortsAreGuests() {
    var segment = of(List.of(TWO, BRIDGE, OTHER, ONE), new Attachment(Role.SOCKET, 3, "br0"));
    assertThat(segment.silent()).containsExactly(port(BRIDGE));
    assertThat(segment.guests()).containsExactly(port(ONE), port(TWO));
    assertThat(segment.bridges()).containsExactly(port(BRIDGE));
    assertThat(segment.lower()).isEmpty();
    assertThat(segment.isolatesGuests()).isTrue();
  }

  @Test
  void theGatewaysOwnTapInABridgeIsNoGuest() {
    var interfaces = List.of(BRIDGE, ONE, TAP);
    var both = of(interfaces, new Attachment(Role.TAP, 6, "tap1"));
    assertThat(both.sending()).containsExactly(port(TAP));
    assertThat(both.guests()).containsExactly(port(ONE));
    assertThat(both.silent()).containsExactly(port(BRIDGE));
    assertThat(both.isOwnDevice()).isFalse();
    assertThat(both.isolatesGuests()).isTrue();

    var xen =
        of(
            interfaces,
            new Attachment(Role.RECEIVING_TAP, 6, "tap1"),
            new Attachment(Role.SOCKET, 3, "br0"));
    assertThat(xen.deaf()).containsExactly(port(TAP));
    assertThat(xen.guests()).containsExactly(port(ONE));
    assertThat(xen.isolatesGuests()).isTrue();
  }

  @Test
  void aTapByItselfIsTheGuests() {
    var alone = entry(6, "tap1", "tun", 0, 0);
    var segment = of(List.of(alone, OTHER), new Attachment(Role.TAP, 6, "tap1"));
    assertThat(segment.deaf()).containsExactly(port(alone));
    assertThat(segment.isOwnDevice()).isTrue();
    assertThat(segment.isolatesGuests()).isFalse();
  }

  @Test
  void whatAMacvlanStandsOnAndItsSiblingsAreSilencedToo() {
    var lower = entry(10, "low0", "veth", 0, 99);
    var device = entry(11, "mv0", "macvlan", 0, 10);
    var sibling = entry(12, "mv1", "macvlan", 0, 10);
    var segment =
        of(List.of(lower, device, sibling, OTHER), new Attachment(Role.SOCKET, 11, "mv0"));
    assertThat(segment.silent()).containsExactly(port(device), port(sibling));
    assertThat(segment.lower()).containsExactly(port(lower));
    assertThat(segment.isolatesGuests()).isFalse();
  }

  /** A veth's other end is not what it stands on. */
  @Test
  void aVethsOtherEndIsTheGuests() {
    var near = entry(10, "vmnet1", "veth", 0, 11);
    var far = entry(11, "far", "veth", 0, 10);
    var segment = of(List.of(near, far), new Attachment(Role.SOCKET, 10, "vmnet1"));
    assertThat(segment.silent()).containsExactly(port(near));
    assertThat(segment.lower()).isEmpty();
  }

  @Test
  void aDeviceIsFoundByItsNumberAlone() {
    var renamed = entry(10, "new", "veth", 0, 0);
    assertThat(of(List.of(renamed), new Attachment(Role.SOCKET, 10, "old")).silent())
        .containsExactly(port(renamed));
    // Another program's, whose name was free since the gateway's own was moved away.
    assertThat(of(List.of(renamed), new Attachment(Role.SOCKET, 77, "new")))
        .isEqualTo(Segment.NONE);
  }

  /** Its bridge was deleted, it left the bridge, or it has been put into another. */
  @Test
  void aFormerPortIsSilencedWhereverItIs() {
    var former = new Attachment(Role.FORMER, 5, "vnet2");
    var bridge = new Attachment(Role.SOCKET, 3, "br0");
    var alone = entry(5, "vnet2", "veth", 0, 40);
    assertThat(of(List.of(alone, OTHER), bridge, former).silent()).containsExactly(port(alone));
    var elsewhere = entry(5, "vnet2", "veth", 8, 40);
    var others = entry(8, "br1", "bridge", 0, 0);
    var segment = of(List.of(BRIDGE, others, elsewhere), bridge, former);
    assertThat(segment.silent()).containsExactly(port(BRIDGE), port(elsewhere));
    assertThat(segment.bridges()).containsExactly(port(BRIDGE));
    var back = of(List.of(BRIDGE, TWO), bridge, former);
    assertThat(back.silent()).containsExactly(port(BRIDGE));
    assertThat(back.guests()).containsExactly(port(TWO));
  }

  /** What is behind a bond that has left stands on others. */
  @Test
  void whatAFormerPortStandsOnIsSilencedToo() {
    var bond = entry(5, "bond0", "bond", 0, 0);
    var slave = entry(9, "v9", "veth", 5, 0);
    var segment = of(List.of(bond, slave), new Attachment(Role.FORMER, 5, "bond0"));
    assertThat(segment.silent()).containsExactly(port(bond));
    assertThat(segment.lower()).containsExactly(port(slave));
  }

  /** Only once the macvlan is gone: what is dropped at its lower device does not reach it. */
  @Test
  void whatADeletedMacvlanStoodOnIsSilenced() {
    var lower = entry(10, "low0", "veth", 0, 99);
    var device = entry(11, "mv0", "macvlan", 0, 10);
    var attachment = new Attachment(Role.SOCKET, 11, "mv0");
    var former = new Attachment(Role.FORMER, 10, "low0");
    var there = of(List.of(lower, device), attachment, former);
    assertThat(there.silent()).containsExactly(port(device));
    assertThat(there.lower()).containsExactly(port(lower));
    assertThat(of(List.of(lower), attachment, former).silent()).containsExactly(port(lower));
  }

  /** A TAP was put into a bridge that is the host's way out. */
  @Test
  void ofABridgeThatIsNoPartOfItOnlyTheGatewaysOwnPortIsSilenced() {
    var interfaces = List.of(BRIDGE, ONE, TAP, OTHER);
    var tap =
        Segment.of(
            interfaces, List.of(new Attachment(Role.TAP, 6, "tap1")), Set.of(BRIDGE.index()));
    assertThat(tap.deaf()).containsExactly(port(TAP));
    assertThat(tap.all()).containsExactly(port(TAP));
    var port =
        Segment.of(
            interfaces, List.of(new Attachment(Role.SOCKET, 4, "vnet1")), Set.of(BRIDGE.index()));
    assertThat(port.silent()).containsExactly(port(ONE));
    assertThat(port.all()).containsExactly(port(ONE));
  }

  /** What no program has open passes what it takes on to this host. */
  @Test
  void aMacvtapBesideAMacvlanIsSilencedToo() {
    var lower = entry(10, "low0", "veth", 0, 99);
    var device = entry(11, "mv0", "macvlan", 0, 10);
    var sibling = entry(12, "mt0", "macvtap", 0, 10);
    var segment = of(List.of(lower, device, sibling), new Attachment(Role.SOCKET, 11, "mv0"));
    assertThat(segment.silent()).containsExactly(port(device), port(sibling));
  }

  @Test
  void theGatewaysAddressIsInTheTableOfABridgeThatItsTapIsAPortOf() {
    var alone = entry(6, "tap1", "tun", 0, 0);
    var tap = new Attachment(Role.TAP, 6, "tap1");
    var bridge = new Attachment(Role.SOCKET, 3, "br0");
    assertThat(ForwardingEntries.of(of(List.of(BRIDGE, ONE, TAP), tap, bridge)))
        .extracting(Object::toString)
        .containsExactly("6 master");
    // It has left the bridge, which is still there.
    assertThat(ForwardingEntries.of(of(List.of(BRIDGE, ONE, alone), tap, bridge)))
        .extracting(Object::toString)
        .containsExactly("3 self");
  }
}
