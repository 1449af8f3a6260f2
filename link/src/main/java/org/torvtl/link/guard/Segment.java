/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.torvtl.host.net.LinkTable;

/**
 * The interfaces of this host that are on a guests' link, and what each may do there. Each list is
 * in the order of index.
 *
 * @param silent the host hears nothing there and sends nothing, the gateway's packet socket does
 * @param lower as {@code silent}, for devices that others stand on
 * @param guests bridge ports that a guest is behind
 * @param sending the gateway's own TAPs among the bridge ports: what they send is the gateway's
 * @param hearing the gateway's own TAPs among the bridge ports, that take frames from it
 * @param deaf the host hears nothing there; what it sends is not looked at
 * @param tunnels the gateway's own TUNs: the host takes packets there for itself only
 * @param bridges those of {@code silent} that are bridges
 */
public record Segment(
    List<Port> silent,
    List<Port> lower,
    List<Port> guests,
    List<Port> sending,
    List<Port> hearing,
    List<Port> deaf,
    List<Port> tunnels,
    List<Port> bridges) {
  static final Segment NONE =
      new Segment(
          List.of(), List.of(), List.of(), List.of(), List.of(), List.of(), List.of(), List.of());

  /** Kinds of interfaces, as {@link LinkTable.Entry} has them. */
  static final String BRIDGE = "bridge";

  private static final String VETH = "veth";

  /** An interface. */
  public record Port(int index, String name) implements Comparable<Port> {
    private static final Comparator<Port> ORDER =
        Comparator.comparingInt(Port::index).thenComparing(Port::name);

    @Override
    public int compareTo(Port other) {
      return ORDER.compare(this, other);
    }
  }

  /** Every interface of it. */
  public List<Port> all() {
    return Stream.of(silent, lower, guests, sending, deaf, tunnels).flatMap(List::stream).toList();
  }

  /**
   * Whether the link is only a device of the gateway's own, so that all that is on it is the guest.
   */
  public boolean isOwnDevice() {
    return silent.isEmpty() && sending.isEmpty();
  }

  /** Whether the guests are behind ports of a bridge, which hear the gateway only. */
  public boolean isolatesGuests() {
    return !bridges.isEmpty();
  }

  /** What the link consists of, given all interfaces there are. */
  public static Segment of(List<LinkTable.Entry> interfaces, List<Attachment> attachments) {
    return of(interfaces, attachments, Set.of());
  }

  /**
   * The same where some bridges, by index, are no part of it although devices of the gateway are
   * their ports: nothing passes those devices.
   */
  static Segment of(
      List<LinkTable.Entry> interfaces, List<Attachment> attachments, Set<Integer> strangers) {
    return new Survey(interfaces, strangers).of(attachments);
  }

  private static final class Survey {
    private final List<LinkTable.Entry> interfaces;
    private final Set<Integer> strangers;
    private final TreeSet<Port> silent = new TreeSet<>();
    private final TreeSet<Port> lower = new TreeSet<>();
    private final TreeSet<Port> guests = new TreeSet<>();
    private final TreeSet<Port> sending = new TreeSet<>();
    private final TreeSet<Port> hearing = new TreeSet<>();
    private final TreeSet<Port> deaf = new TreeSet<>();
    private final TreeSet<Port> tunnels = new TreeSet<>();
    private final Map<Port, LinkTable.Entry> bridges = new TreeMap<>();

    Survey(List<LinkTable.Entry> interfaces, Set<Integer> strangers) {
      this.interfaces = interfaces;
      this.strangers = strangers;
    }

    Segment of(List<Attachment> attachments) {
      for (var attachment : attachments) {
        byIndex(attachment.index()).ifPresent(device -> add(attachment.role(), device));
      }
      bridges.values().forEach(this::addBridge);
      for (var attachment : attachments) {
        if (attachment.role() == Attachment.Role.FORMER) {
          byIndex(attachment.index()).ifPresent(this::addFormer);
        }
      }
      silent.removeAll(lower);
      return new Segment(
          List.copyOf(silent),
          List.copyOf(lower),
          List.copyOf(guests),
          List.copyOf(sending),
          List.copyOf(hearing),
          List.copyOf(deaf),
          List.copyOf(tunnels),
          List.copyOf(bridges.keySet()));
    }

    /** It may have been renamed, and another may have its name now. */
    private Optional<LinkTable.Entry> byIndex(int index) {
      return interfaces.stream().filter(entry -> entry.index() == index).findFirst();
    }

    private static Port port(LinkTable.Entry entry) {
      return new Port(entry.index(), entry.name());
    }

    private void add(Attachment.Role role, LinkTable.Entry device) {
      if (role == Attachment.Role.FORMER) {
        return;
      }
      var bridge =
          device.kind().equals(BRIDGE)
              ? Optional.of(device)
              : byIndex(device.master())
                  .filter(master ->
                      master.kind().equals(BRIDGE) && !strangers.contains(master.index()));
      bridge.ifPresent(entry -> bridges.put(port(entry), entry));
      if (role != Attachment.Role.SOCKET && bridge.isPresent()) {
        hearing.add(port(device));
      }
      switch (role) {
        case RECEIVING_TAP -> deaf.add(port(device));
        case TAP -> (bridge.isPresent() ? sending : deaf).add(port(device));
        case TUN -> tunnels.add(port(device));
        case SOCKET -> {
          if (bridge.isEmpty()) {
            silent.add(port(device));
            addBelow(device);
          }
        }
        case FORMER -> {}
      }
    }

    /** Wherever it is now: what is behind it is the guests' until it ends. */
    private void addFormer(LinkTable.Entry device) {
      if (!guests.contains(port(device))) {
        silent.add(port(device));
        addBelow(device);
      }
    }

    private void addBridge(LinkTable.Entry bridge) {
      silent.add(port(bridge));
      for (var entry : interfaces) {
        var port = port(entry);
        if (entry.master() == bridge.index() && !sending.contains(port) && !deaf.contains(port)) {
          guests.add(port);
          addBelow(entry);
        }
      }
    }

    /** What an interface stands on, and the others that stand on that. */
    private void addBelow(LinkTable.Entry device) {
      for (var entry : interfaces) {
        boolean isLower = !device.kind().equals(VETH) && entry.index() == device.lower();
        boolean isSlave = !device.kind().equals(BRIDGE) && entry.master() == device.index();
        if ((isLower || isSlave) && lower.add(port(entry))) {
          for (var sibling : interfaces) {
            if (sibling.lower() == entry.index()
                && !sibling.kind().equals(VETH)
                && sibling.index() != device.index()) {
              silent.add(port(sibling));
            }
          }
          addBelow(entry);
        }
      }
    }
  }
}
