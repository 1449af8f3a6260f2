/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.guard.Segment.Port;
import org.torvtl.link.linux.LinkTable;

/**
 * What belongs to a guests' link: the gateway's devices, the bridges that they are or were ports
 * of, and what guests are or were behind. A bridge that is gone, or that a port has left, or a
 * macvlan that is gone, does not put those guests before the host. All go by their numbers, which
 * the kernel does not give away again.
 *
 * <p>Nothing becomes part of it that speaks against carrying anything ({@link
 * LinkGuard.Objections}): a device put into the host's own bridge by mistake does not cut the host
 * off.
 */
final class Membership {
  private static final Logger log = LoggerFactory.getLogger(Membership.class);

  /** The gateway's devices, and the bridges that they were ports of. */
  private final List<Attachment> attachments;

  /** What guests are or were behind, by index: ports, and what a macvlan stands on. */
  private final Map<Integer, Attachment> former = new LinkedHashMap<>();

  private final LinkGuard.Objections objections;
  private List<LinkTable.Entry> interfaces = List.of();

  Membership(List<Attachment> attachments, LinkGuard.Objections objections) {
    this.attachments = new ArrayList<>(attachments);
    this.objections = objections;
  }

  /** The link as it is. */
  Segment survey() throws IOException {
    interfaces = LinkTable.read();
    former.keySet().retainAll(indexes(interfaces.stream().map(LinkTable.Entry::index)));
    var all = new ArrayList<>(attachments);
    all.addAll(former.values());
    var now = Segment.of(interfaces, all);
    var joined = now.bridges().stream().filter(bridge -> !isMember(bridge)).toList();
    return joined.isEmpty() || objection().isEmpty()
        ? now
        : Segment.of(interfaces, all, indexes(joined.stream().map(Port::index)));
  }

  private static Set<Integer> indexes(Stream<Integer> indexes) {
    return indexes.collect(Collectors.toSet());
  }

  private boolean isMember(Port bridge) {
    return attachments.stream().anyMatch(each -> each.index() == bridge.index());
  }

  /** Why nothing may be carried there. */
  Optional<String> objection() throws IOException {
    return objections.get();
  }

  /**
   * Whether a guest's port, as it was at the last survey, hears others by the bridge: it has left
   * and come back, which the bridge takes for a new one, or another program has opened it.
   */
  boolean hasOpenPort(Segment segment) {
    return interfaces.stream()
        .anyMatch(each ->
            !each.isIsolated()
                && segment.guests().stream().anyMatch(port -> port.index() == each.index()));
  }

  /** Something is carried: what guests are behind now stays theirs. */
  void served(Segment segment) {
    for (var bridge : segment.bridges()) {
      if (!isMember(bridge)) {
        attachments.add(new Attachment(Attachment.Role.SOCKET, bridge.index(), bridge.name()));
      }
    }
    Stream.concat(segment.guests().stream(), segment.lower().stream())
        .forEach(port ->
            former.computeIfAbsent(
                port.index(), index -> new Attachment(Attachment.Role.FORMER, index, port.name())));
  }

  /** Says which ports have left their bridge. */
  static void tell(Segment before, Segment now) {
    for (var port : before.guests()) {
      if (now.silent().stream().anyMatch(each -> each.index() == port.index())) {
        log.warn(
            "{} has left its bridge: this host stays off it, and the guest there reaches nothing"
                + " until it is back or torvtl has ended",
            port.name());
      }
    }
  }
}
