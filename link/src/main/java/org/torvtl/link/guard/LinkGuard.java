/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.guard.GuardRules.Version;
import org.torvtl.link.linux.LinkTable;
import org.torvtl.link.linux.NetlinkSocket;
import org.torvtl.link.linux.NetlinkWait;
import org.torvtl.link.linux.SystemCallException;
import org.torvtl.wire.MacAddress;

/**
 * The guard of one link: puts its tables there, watches them, and tells whether they are in force.
 * See the package.
 *
 * <p>It is in force from {@link #put} on. A thread of its own waits for what netlink tells, so that
 * what is found out does not depend on how busy the gateway is.
 */
public final class LinkGuard implements AutoCloseable {
  /** The netlink port that only one guard of a device can have; far beyond process numbers. */
  private static final int PORT = 0x5456_0000;

  /** When nft refused what it took before, it is asked again after so long. */
  private static final int RETRY_MILLIS = 1_000;

  /** A host that changes its interfaces all the time is waited for. */
  private static final int TRIES_AT_ONCE = 8;

  private static final Logger log = LoggerFactory.getLogger(LinkGuard.class);

  /** Why nothing may be carried on a link though its guard is in force; asked on each change. */
  public interface Objections {
    Optional<String> get() throws IOException;
  }

  private final List<Attachment> attachments;
  private final String device;
  private final Objections objections;
  private final GuardRules rules;
  private final GuardKeeper keeper;
  private final NetlinkSocket filter;
  private final NetlinkSocket interfaces;
  private final NetlinkWait wait;
  private final GuardEvents events;
  private final Thread watcher;
  private volatile Segment segment = Segment.NONE;
  private Version version = Version.NONE;
  private int number;
  private volatile boolean inForce;
  private volatile boolean closing;
  private @Nullable String complaint;

  private LinkGuard(
      List<Attachment> attachments,
      Objections objections,
      GuardRules rules,
      GuardKeeper keeper,
      NetlinkSocket filter,
      NetlinkSocket interfaces)
      throws SystemCallException {
    this.attachments = attachments;
    this.device = attachments.getLast().name();
    this.objections = objections;
    this.rules = rules;
    this.keeper = keeper;
    this.filter = filter;
    this.interfaces = interfaces;
    this.wait = new NetlinkWait(List.of(filter, interfaces));
    this.events = new GuardEvents(rules.table());
    this.watcher = new Thread(this::watch, "guard of " + device);
    watcher.setDaemon(true);
  }

  /**
   * Puts a guard on a link, in place of one that a killed gateway has left. To be done before the
   * gateway takes its first frame there, and with CAP_NET_ADMIN, which may be given away after.
   *
   * @param attachments the gateway's devices, the one it sends into last; not empty
   * @param mark of the gateway's frames, not 0
   * @param gatewayMac as of {@link MacAddress}
   * @throws IOException if nftables is missing or refuses, or another gateway guards the device
   */
  public static LinkGuard put(
      List<Attachment> attachments, int mark, long gatewayMac, Objections objections)
      throws IOException {
    var device = attachments.getLast();
    var rules = new GuardRules(GuardRules.tableFor(device.name()), mark, gatewayMac);
    var filter = claim(device);
    try {
      var interfaces = NetlinkSocket.open(NetlinkSocket.ROUTE, 0, NetlinkSocket.GROUP_LINK);
      var segment = Segment.of(LinkTable.read(), attachments);
      String mac = MacAddress.toString(gatewayMac);
      var keeper =
          GuardKeeper.start(rules.table(), device.name(), mac, ForwardingEntries.of(segment));
      var guard = new LinkGuard(attachments, objections, rules, keeper, filter, interfaces);
      try {
        guard.begin();
        ForwardingEntries.add(segment, mac);
      } catch (IOException | RuntimeException e) {
        try {
          guard.close();
        } catch (IOException again) {
          e.addSuppressed(again);
        }
        throw e;
      }
      return guard;
    } catch (IOException | RuntimeException e) {
      // Of a guard that has begun, this is the second time, which does nothing.
      filter.close();
      throw e;
    }
  }

  private static NetlinkSocket claim(Attachment device) throws IOException {
    try {
      return NetlinkSocket.open(
          NetlinkSocket.NETFILTER, PORT + device.index(), NetlinkSocket.GROUP_NFTABLES);
    } catch (SystemCallException e) {
      if (NetlinkSocket.isPortTaken(e)) {
        throw new IOException(
            "another torvtl serves %s already (end it first)".formatted(device.name()), e);
      }
      throw e;
    }
  }

  private void begin() throws IOException {
    try {
      if (!renew(true)) {
        throw new IOException("its interfaces or nftables' rules keep changing");
      }
    } catch (IOException e) {
      throw new IOException(
          "cannot keep this host off %s by nftables: %s (apt-get install nftables, run as root; --allow-host leaves the host on the guests' link)"
              .formatted(device, e.getMessage()),
          e);
    }
    inForce = true;
    watcher.start();
  }

  /** Whether frames may be carried. */
  public boolean isInForce() {
    return inForce;
  }

  /** Whether each guest hears the gateway only; counts while the guard is in force. */
  public boolean isolatesGuests() {
    return segment.isolatesGuests();
  }

  /** The mark of the gateway's frames. */
  public int mark() {
    return rules.mark();
  }

  private void watch() {
    int timeout = -1;
    while (!closing) {
      try {
        wait.await(timeout);
        timeout = closing || look() ? -1 : RETRY_MILLIS;
      } catch (IOException | RuntimeException e) {
        inForce = false;
        complain("nothing is carried on %s: %s".formatted(device, e.getMessage()));
        timeout = RETRY_MILLIS;
      }
    }
  }

  /** Looks at what has changed; whether all is as it should be. */
  private boolean look() throws IOException {
    hear();
    boolean isTampered = events.isTouched();
    var now = Segment.of(LinkTable.read(), attachments);
    if (!isTampered && now.equals(segment) && complaint == null) {
      return true;
    }
    if (isTampered || !now.isOwnDevice()) {
      // The first sign that the host may be on the link.
      inForce = false;
    }
    if (isTampered) {
      complain(
          "the packet filter that keeps this host off %s was changed by another program (nft flush"
                  .formatted(device)
              + " ruleset?): nothing is carried until it is back");
    }
    if (!renew(false)) {
      return false;
    }
    var objection = objections.get();
    if (objection.isPresent()) {
      inForce = false;
      complain("nothing is carried on %s: %s".formatted(device, objection.get()));
      return false;
    }
    inForce = true;
    if (complaint != null) {
      complaint = null;
      log.warn("this host is off {} again, and traffic is carried", device);
    }
    return true;
  }

  private void complain(String text) {
    if (!text.equals(complaint)) {
      complaint = text;
      log.error("{}", text);
    }
  }

  /** Takes the messages at hand. */
  private void hear() {
    events.hear(filter);
    try {
      while (interfaces.read() != null) {
        // That something changed is all that is asked of them.
      }
    } catch (SystemCallException e) {
      log.debug("interface messages were lost", e);
    }
  }

  /** Puts a version there that fits the interfaces as they are; false if they keep changing. */
  private boolean renew(boolean isFirst) throws IOException {
    for (int i = 0; i < TRIES_AT_ONCE; i++) {
      segment = Segment.of(LinkTable.read(), attachments);
      check(segment);
      number++;
      events.expect(GuardRules.marker(number));
      apply(isFirst && i == 0);
      hear();
      if (!events.isTouched() && Segment.of(LinkTable.read(), attachments).equals(segment)) {
        return true;
      }
    }
    return false;
  }

  private void apply(boolean isFirst) throws IOException {
    if (!isFirst) {
      var next = rules.update(version, segment, number);
      var released = new ArrayList<>(version.ports());
      released.removeAll(next.ports());
      try {
        keeper.apply(next.statements(), released);
        version = next;
        return;
      } catch (IOException e) {
        log.debug("the guard of {} is made anew: {}", device, e.getMessage());
      }
    }
    var next = rules.fresh(segment, number);
    keeper.apply(next.statements(), List.of());
    version = next;
  }

  private static void check(Segment segment) throws IOException {
    for (var port : segment.all()) {
      if (!GuardRules.isNameable(port.name())) {
        throw new IOException(
            "interface %s has a name that nftables cannot be given (rename it)"
                .formatted(port.name()));
      }
    }
  }

  /** Removes the tables, and nothing else. More calls do nothing. */
  @Override
  public void close() throws IOException {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    inForce = false;
    wait.wake();
    try {
      if (watcher.isAlive() && Thread.currentThread() != watcher) {
        watcher.join(TimeUnit.SECONDS.toMillis(10));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    try (filter;
        interfaces;
        wait) {
      keeper.remove();
    }
  }
}
