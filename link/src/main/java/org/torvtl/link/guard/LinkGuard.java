/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.guard.GuardRules.Version;
import org.torvtl.wire.MacAddress;

/**
 * The guard of one link: puts its tables there, watches them, and tells whether they are in force.
 * See the package.
 *
 * <p>It is in force from {@link #put} on. A thread of its own waits for what netlink tells, so that
 * what is found out does not depend on how busy the gateway is.
 */
public final class LinkGuard implements AutoCloseable {
  /** When nft refused what it took before, it is asked again after so long. */
  private static final int RETRY_MILLIS = 1_000;

  /** Objections of which the kernel tells nothing are asked for so often. */
  private static final int LOOK_MILLIS = 1_000;

  /** A host that changes its interfaces all the time is waited for. */
  private static final int TRIES_AT_ONCE = 8;

  /**
   * An interface that goes up and down all the time, which a guest can have its end of a veth do,
   * is not looked at each time: after so many looks on end that found nothing changed there is one
   * in so long.
   */
  private static final int LOOKS_ON_END = 16;

  private static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private static final Logger log = LoggerFactory.getLogger(LinkGuard.class);

  private final Membership membership;
  private final String device;
  private final GuardRules rules;
  private final GuardKeeper keeper;
  private final GuardNews news;
  private final Thread watcher;
  private final SecureRandom random = new SecureRandom();
  private volatile Segment segment = Segment.NONE;
  private Version version = Version.NONE;

  private final GuestAddresses addresses = new GuestAddresses();

  /** Until it is known that no gateway has left one. */
  private boolean hasTakenOver = true;

  /** Whether it is not known that what is there is right. */
  private boolean isUnfinished;

  private long lookedNanos = System.nanoTime();
  private int unchangedLooks;
  private volatile boolean hasNewGuest;
  private volatile boolean inForce;
  private volatile boolean closing;
  private @Nullable String complaint;

  private LinkGuard(
      List<Attachment> attachments,
      Objections objections,
      GuardRules rules,
      GuardKeeper keeper,
      GuardNews news) {
    this.membership = new Membership(attachments, objections);
    this.device = attachments.getLast().name();
    this.rules = rules;
    this.keeper = keeper;
    this.news = news;
    this.watcher = new Thread(this::watch, "guard of " + device);
    watcher.setDaemon(true);
  }

  /**
   * Puts a guard on a link, in place of one that a killed gateway has left. To be done before the
   * gateway takes its first frame there, and with CAP_NET_ADMIN, which may be given away after.
   *
   * @param attachments the gateway's devices, the one it sends into last; not empty
   * @param gatewayMac as of {@link MacAddress}
   * @throws IOException if nftables is missing or refuses, or another gateway guards the device
   */
  public static LinkGuard put(List<Attachment> attachments, long gatewayMac, Objections objections)
      throws IOException {
    var device = attachments.getLast();
    int[] marks = new SecureRandom().ints().filter(mark -> mark != 0).distinct().limit(2).toArray();
    var rules = new GuardRules(GuardRules.tableFor(device.name()), marks[0], marks[1], gatewayMac);
    var news = GuardNews.open(attachments, rules.table(), gatewayMac);
    LinkGuard guard;
    try {
      guard =
          new LinkGuard(
              attachments, objections, rules, GuardKeeper.start(rules, attachments), news);
    } catch (IOException e) {
      news.close();
      throw e;
    }
    try {
      guard.begin();
      return guard;
    } catch (IOException | RuntimeException e) {
      try {
        if (guard.hasTakenOver) {
          guard.leave();
        } else {
          guard.close();
        }
      } catch (IOException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  /**
   * All kinds of statements that a guard may need, about the loopback interface: for {@code nft
   * --check}, which tells whether the kernel has what they take and changes nothing.
   */
  public static List<String> sample() {
    return GuardRules.sample().statements();
  }

  private void begin() throws IOException {
    try {
      var left = keeper.table();
      hasTakenOver = left.isPresent();
      if (left.isPresent()) {
        addresses.read(left.get().owned());
        membership.takeOver(left.get().devices());
      }
      if (!renew(true)) {
        throw new IOException("its interfaces or nftables' rules keep changing");
      }
      var objection = membership.objection();
      if (objection.isPresent()) {
        throw new IOException(objection.get());
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

  /** Whether there was a guard already, of a gateway that was killed or has failed. */
  public boolean hasTakenOver() {
    return hasTakenOver;
  }

  /** Whether frames may be carried. */
  public boolean isInForce() {
    return inForce && !keeper.ended().isDone();
  }

  /** Whether each guest hears the gateway only; counts while the guard is in force. */
  public boolean isolatesGuests() {
    return segment.isolatesGuests();
  }

  /** The mark of the gateway's frames. */
  public int mark() {
    return rules.mark();
  }

  /**
   * The mark of frames that a packet socket on a device may take: on a bridge those that have
   * passed the rules of their port, so that none is taken that comes from a new port before it has
   * any. 0 elsewhere, for any.
   *
   * @param index of the device
   */
  public int markOfGuests(int index) {
    return segment.bridges().stream().anyMatch(bridge -> bridge.index() == index)
        ? rules.heard()
        : 0;
  }

  /** Whether guests have ports here, and MAC addresses that belong to those. */
  boolean hasPorts() {
    return !segment.guests().isEmpty();
  }

  /** A MAC address was heard for the first time. Any thread may call it. */
  void heard() {
    if (!hasNewGuest) {
      hasNewGuest = true;
      news.wake();
    }
  }

  /**
   * Has something done when the guard can be kept no longer, for its keeper is lost. The tables are
   * there, but nobody could put them back. Any thread may do it, at once or later.
   */
  void onLoss(Consumer<IOException> action) {
    var unused =
        keeper
            .ended()
            .thenAccept(reason -> {
              if (!closing) {
                inForce = false;
                action.accept(
                    new IOException("%s (start torvtl again for %s)".formatted(reason, device)));
              }
            });
  }

  /** Which guest is at which port, and who has left. */
  GuestAddresses addresses() {
    return addresses;
  }

  private void watch() {
    int timeout = pause();
    while (!closing) {
      try {
        news.await(timeout);
        awaitQuiet();
        timeout = closing || !hasNews() || look() ? pause() : RETRY_MILLIS;
      } catch (IOException | RuntimeException | Error e) {
        inForce = false;
        complain("nothing is carried on %s: %s".formatted(device, e.getMessage()));
        timeout = RETRY_MILLIS;
      }
    }
  }

  private void awaitQuiet() throws SystemCallException {
    if (System.nanoTime() - lookedNanos > QUIET_NANOS) {
      unchangedLooks = 0;
    } else if (unchangedLooks >= LOOKS_ON_END) {
      LockSupport.parkNanos(QUIET_NANOS);
      news.hear();
    }
  }

  private int pause() {
    return segment.isOwnDevice() ? -1 : LOOK_MILLIS;
  }

  private boolean hasNews() {
    return news.isAny()
        || hasNewGuest
        || isUnfinished
        || complaint != null
        || System.nanoTime() - lookedNanos >= TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS);
  }

  /** Looks at what has changed; whether all is as it should be. */
  private boolean look() throws IOException {
    lookedNanos = System.nanoTime();
    var deleted = news.takeDeleted();
    boolean isTampered = news.isTouched() && !isUnfinished;
    if (segment.all().stream().anyMatch(port -> deleted.contains(port.index()))) {
      // Its chains are gone, and one that has its name and index now is another.
      addresses.depart(deleted::contains);
      membership.forget(deleted);
      isUnfinished = true;
    }
    var now = membership.survey();
    unchangedLooks++;
    if (isTampered || isUnfinished || !now.equals(segment)) {
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
      unchangedLooks = 0;
      var before = segment;
      if (!renew(isTampered || isUnfinished)) {
        return false;
      }
      Membership.tell(before, segment);
    } else if (news.isEntryLost() || membership.hasOpenPort(segment)) {
      keeper.apply(List.of(), segment);
    }
    news.entriesAreThere();
    if (hasNewGuest) {
      readAddresses();
    }
    membership.keep(segment);
    var objection = membership.objection();
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

  private void readAddresses() throws IOException {
    // Before they are read: who comes now is read the next time.
    hasNewGuest = false;
    try {
      addresses.read(keeper.owned());
    } catch (IOException e) {
      hasNewGuest = true;
      throw e;
    }
  }

  private void complain(String text) {
    if (!text.equals(complaint)) {
      complaint = text;
      log.error("{}", text);
    }
  }

  /**
   * Puts a version there that fits the interfaces as they are; false if they keep changing.
   *
   * @param isFresh whether it is not known what is there
   */
  private boolean renew(boolean isFresh) throws IOException {
    isUnfinished = true;
    for (int i = 0; i < TRIES_AT_ONCE; i++) {
      segment = membership.survey();
      GuardRules.check(segment);
      try {
        apply(isFresh || news.isTouched());
      } catch (IOException e) {
        if (membership.survey().equals(segment)) {
          throw e;
        }
        log.debug("interfaces of {} have changed meanwhile", device, e);
        // Some of it may be in force.
        membership.keep(segment);
        continue;
      }
      membership.keep(segment);
      news.hear();
      if (!news.isTouched() && membership.survey().equals(segment)) {
        isUnfinished = false;
        return true;
      }
    }
    return false;
  }

  private void apply(boolean isFresh) throws IOException {
    if (!isFresh) {
      try {
        if (version.ports().stream().anyMatch(this::isGone)) {
          addresses.read(keeper.owned());
        }
        var last = addresses.byPort();
        addresses.depart(this::isGone);
        put(rules.update(version, segment, expected(), last));
        return;
      } catch (IOException e) {
        log.debug("the guard of {} is made anew: {}", device, e.getMessage());
      }
    }
    addresses.depart(this::isGone);
    put(rules.fresh(segment, expected(), addresses.byPort()));
  }

  private long expected() {
    long number = random.nextLong();
    news.expect(GuardRules.marker(number));
    return number;
  }

  private void put(Version next) throws IOException {
    keeper.apply(next.statements(), segment);
    version = next;
  }

  private boolean isGone(int port) {
    return segment.guests().stream().noneMatch(guest -> guest.index() == port);
  }

  /** Removes the tables, and nothing else. More calls do nothing. */
  @Override
  public void close() throws IOException {
    end(true);
  }

  /**
   * Ends the guard and leaves its tables in force, unless their devices are gone: the host does not
   * come onto the link because a gateway has failed. The next gateway takes them over.
   */
  public void leave() throws IOException {
    if (!closing && !segment.isOwnDevice()) {
      log.error(
          "this host stays off {}, and guests there reach nothing (torvtl run takes it over; to open it: nft delete table netdev {})",
          device,
          rules.table());
    }
    end(false);
  }

  private void end(boolean isRemoved) throws IOException {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    inForce = false;
    news.wake();
    try {
      if (watcher.isAlive() && Thread.currentThread() != watcher) {
        watcher.join(TimeUnit.SECONDS.toMillis(10));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    try (news) {
      if (isRemoved) {
        keeper.remove();
      } else {
        keeper.close();
      }
    }
  }
}
