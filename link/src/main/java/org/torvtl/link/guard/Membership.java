/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.net.LinkTable;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.Segment.Port;

/**
 * What belongs to a guests' link: the gateway's devices, the bridges that they are or were ports
 * of, and what guests are or were behind. A bridge that is gone, or that a port has left, or a
 * macvlan that is gone, does not put those guests before the host. All go by their numbers, of
 * which the kernel makes new ones; but an interface that comes from another namespace brings its
 * own.
 *
 * <p>A bridge that is one of the host's own networks ({@link Objections#leadsOut}) is no part of
 * it, unless it is the gateway's own device: a TAP that was put into the host's bridge by mistake,
 * or into one that became the host's later, does not cut the host off. Guests' ports there stay
 * silenced.
 */
final class Membership {
  private static final Logger log = LoggerFactory.getLogger(Membership.class);

  /** The gateway's devices. */
  private final List<Attachment> own;

  /** The bridges that these are or were ports of, by index. */
  private final Map<Integer, Attachment> joined = new LinkedHashMap<>();

  /** What guests are or were behind, by index: ports, and what a macvlan stands on. */
  private final Map<Integer, Attachment> former = new LinkedHashMap<>();

  private final Objections objections;
  private List<LinkTable.Entry> interfaces = List.of();

  Membership(List<Attachment> own, Objections objections) {
    this.own = List.copyOf(own);
    this.objections = objections;
  }

  /** The link as it is. */
  Segment survey() throws IOException {
    return survey(LinkTable.read());
  }

  /** As {@link #survey()}, given all interfaces there are. */
  Segment survey(List<LinkTable.Entry> interfaces) throws IOException {
    this.interfaces = interfaces;
    var there = indexes(interfaces.stream().map(LinkTable.Entry::index));
    joined.keySet().retainAll(there);
    former.keySet().retainAll(there);
    var now = Segment.of(interfaces, attachments());
    var strangers = new HashSet<Integer>();
    for (var bridge : now.bridges()) {
      if (!isOwn(bridge.index()) && objections.leadsOut(bridge.index())) {
        strangers.add(bridge.index());
        if (joined.remove(bridge.index()) != null) {
          log.warn(
              "{} is one of this host's own networks now: guests that were served there reach nothing",
              bridge.name());
        }
      }
    }
    return strangers.isEmpty() ? now : Segment.of(interfaces, attachments(), strangers);
  }

  private List<Attachment> attachments() {
    return Stream.of(own, joined.values(), former.values()).flatMap(Collection::stream).toList();
  }

  private static Set<Integer> indexes(Stream<Integer> indexes) {
    return indexes.collect(Collectors.toSet());
  }

  private boolean isOwn(int index) {
    return own.stream().anyMatch(each -> each.index() == index);
  }

  /** These have ended: what has such a number now is another interface. */
  void forget(Set<Integer> indexes) {
    joined.keySet().removeAll(indexes);
    former.keySet().removeAll(indexes);
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

  /**
   * The guard has silenced these: what guests are behind now stays theirs, whether or not anything
   * is carried. But not a port by which the host's own network comes in, nor one of a bridge that
   * the gateway's devices have left.
   */
  void keep(Segment segment) throws IOException {
    for (var bridge : segment.bridges()) {
      if (!isOwn(bridge.index())) {
        joined.computeIfAbsent(bridge.index(), index -> attachment(Role.SOCKET, bridge));
      }
    }
    for (var each : interfaces) {
      var port = new Port(each.index(), each.name());
      if (segment.lower().contains(port)
          || (segment.guests().contains(port) && isServed(each.master()))) {
        keepFormer(port);
      }
    }
  }

  private boolean isServed(int bridge) {
    return isOwn(bridge)
        || interfaces.stream().anyMatch(each -> isOwn(each.index()) && each.master() == bridge);
  }

  private void keepFormer(Port port) throws IOException {
    if (!isOwn(port.index())
        && !former.containsKey(port.index())
        && !objections.leadsOut(port.index())) {
      former.put(port.index(), attachment(Role.FORMER, port));
    }
  }

  private static Attachment attachment(Role role, Port port) {
    return new Attachment(role, port.index(), port.name());
  }

  /**
   * What a gateway that was killed has silenced stays so.
   *
   * @param indexes of the interfaces
   */
  void takeOver(Set<Integer> indexes) throws IOException {
    takeOver(LinkTable.read(), indexes);
  }

  /** As {@link #takeOver(Set)}, given all interfaces there are. */
  void takeOver(List<LinkTable.Entry> interfaces, Set<Integer> indexes) throws IOException {
    for (var each : interfaces) {
      if (!indexes.contains(each.index()) || isOwn(each.index())) {
        continue;
      }
      var port = new Port(each.index(), each.name());
      if (each.kind().equals(Segment.BRIDGE)) {
        joined.put(each.index(), attachment(Role.SOCKET, port));
      } else {
        keepFormer(port);
      }
    }
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
