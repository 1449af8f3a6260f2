/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.Segment.Port;
import org.torvtl.link.linux.LinkTable.Entry;

class SegmentTest {
  private static final Entry BRIDGE = new Entry(3, "br0", "bridge", 0, 0);
  private static final Entry ONE = new Entry(4, "vnet1", "tun", 3, 0);
  private static final Entry TWO = new Entry(5, "vnet2", "veth", 3, 40);
  private static final Entry TAP = new Entry(6, "tap1", "tun", 3, 0);
  private static final Entry OTHER = new Entry(7, "eth0", "", 0, 0);

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
    var alone = new Entry(6, "tap1", "tun", 0, 0);
    var segment = of(List.of(alone, OTHER), new Attachment(Role.TAP, 6, "tap1"));
    assertThat(segment.deaf()).containsExactly(port(alone));
    assertThat(segment.isOwnDevice()).isTrue();
    assertThat(segment.isolatesGuests()).isFalse();
  }

  @Test
  void whatAMacvlanStandsOnAndItsSiblingsAreSilencedToo() {
    var lower = new Entry(10, "low0", "veth", 0, 99);
    var device = new Entry(11, "mv0", "macvlan", 0, 10);
    var sibling = new Entry(12, "mv1", "macvlan", 0, 10);
    var segment =
        of(List.of(lower, device, sibling, OTHER), new Attachment(Role.SOCKET, 11, "mv0"));
    assertThat(segment.silent()).containsExactly(port(device), port(sibling));
    assertThat(segment.lower()).containsExactly(port(lower));
    assertThat(segment.isolatesGuests()).isFalse();
  }

  /** A veth's other end is not what it stands on. */
  @Test
  void aVethsOtherEndIsTheGuests() {
    var near = new Entry(10, "vmnet1", "veth", 0, 11);
    var far = new Entry(11, "far", "veth", 0, 10);
    var segment = of(List.of(near, far), new Attachment(Role.SOCKET, 10, "vmnet1"));
    assertThat(segment.silent()).containsExactly(port(near));
    assertThat(segment.lower()).isEmpty();
  }

  @Test
  void aDeviceIsFoundUnderAnotherNameOrAnotherNumber() {
    var renamed = new Entry(10, "new", "veth", 0, 0);
    assertThat(of(List.of(renamed), new Attachment(Role.SOCKET, 10, "old")).silent())
        .containsExactly(port(renamed));
    assertThat(of(List.of(renamed), new Attachment(Role.SOCKET, 77, "new")).silent())
        .containsExactly(port(renamed));
    assertThat(of(List.of(OTHER), new Attachment(Role.SOCKET, 77, "new"))).isEqualTo(Segment.NONE);
  }
}
