/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ObjLongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.egress.IsolationKey;
import org.torvtl.gateway.IsolationPolicy;
import org.torvtl.host.net.LinkTable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.guard.Attachment;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.Segment;
import org.torvtl.wire.MacAddress;

/**
 * A policy of a device whose guests the guard may be unable to keep apart, since the switch between
 * them is none of this host's bridges: a veth into one elsewhere, a macvlan, VMware's vmnet, a TAP
 * that several machines are bridged to. It says so once, when a second MAC address is seen there.
 */
final class UndividedSegment implements IsolationPolicy {
  /** What to do about it. */
  static final String REMEDY = "give each guest a device of its own: torvtl run -d tap0 -d tap1";

  private static final Logger log = LoggerFactory.getLogger(UndividedSegment.class);

  /** No MAC address. */
  private static final long NONE = -1;

  /** Whether guests are undivided as things are now. */
  interface Question {
    boolean ask() throws IOException;
  }

  private final IsolationPolicy policy;
  private final String device;
  private final Question isUndivided;
  private final Executor executor;
  private final AtomicLong first = new AtomicLong(NONE);
  private volatile boolean asked;

  /**
   * As a policy has it.
   *
   * @param executor asks the question, which may take milliseconds
   */
  UndividedSegment(IsolationPolicy policy, String device, Question isUndivided, Executor executor) {
    this.policy = policy;
    this.device = device;
    this.isUndivided = isUndivided;
    this.executor = executor;
  }

  /**
   * Whether guests at an interface of Ethernet, if there are several, hear each other while the
   * guard is there: it is neither a bridge nor a port of one, nor gone.
   */
  static boolean isUndivided(NetworkInterface device) throws IOException {
    if (!device.exists()) {
      return false;
    }
    var role = device.isTap() ? Role.TAP : Role.SOCKET;
    var attachment = new Attachment(role, device.index(), device.name());
    return Segment.of(LinkTable.read(), List.of(attachment)).bridges().isEmpty();
  }

  @Override
  public IsolationKey keyOf(Request request) {
    return policy.keyOf(request);
  }

  @Override
  public long ownerOf(long guest) {
    if (!asked && guest != first.get() && !first.compareAndSet(NONE, guest)) {
      second(guest);
    }
    return policy.ownerOf(guest);
  }

  private synchronized void second(long guest) {
    if (!asked) {
      asked = true;
      executor.execute(() -> tell(guest));
    }
  }

  private void tell(long guest) {
    try {
      if (!isUndivided.ask()) {
        return;
      }
    } catch (IOException e) {
      log.debug("what {} is a part of cannot be told", device, e);
    }
    log.warn(
        "a second MAC address is on {}, {}: if that is another guest, the two can read and"
            + " impersonate each other, and torvtl cannot keep them apart there ({})",
        device,
        MacAddress.toString(guest),
        REMEDY);
  }

  @Override
  public void forget(long guest) {
    policy.forget(guest);
  }

  @Override
  public void count(ObjLongConsumer<String> sink) {
    policy.count(sink);
  }
}
