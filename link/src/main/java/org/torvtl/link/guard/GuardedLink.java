/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import io.netty.util.collection.LongObjectHashMap;
import io.netty.util.collection.LongObjectMap;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.ForwardingLink;
import org.torvtl.link.ForwardingReceiver;
import org.torvtl.link.Link;
import org.torvtl.wire.EthernetFrame;

/**
 * A link that carries nothing, either way, while its guard is not in force. It tells its receiver
 * of guests that have left their port.
 */
public final class GuardedLink extends ForwardingLink {
  private static final Logger log = LoggerFactory.getLogger(GuardedLink.class);

  /** More than ports have on a bridge of a thousand guests; the guard hears of them again then. */
  private static final int MOST_HEARD = 1 << 16;

  private final LinkGuard guard;
  private Runnable onDeparture = () -> {};
  private boolean closed;

  private GuardedLink(Link link, LinkGuard guard) {
    super(link);
    this.guard = guard;
  }

  /** Links on one device, with its guard, which is to be closed after them. */
  public static List<Link> all(List<? extends Link> links, LinkGuard guard) {
    var guarded = new ArrayList<Link>();
    for (var link : links) {
      guarded.add(new GuardedLink(link, guard));
    }
    return guarded;
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    var taking = new GuardedReceiver(receiver);
    onDeparture = () -> execute(loop, taking::hearDepartures);
    guard.addresses().onDeparture(onDeparture);
    link.start(loop, taking);
    guard.onLoss(cause -> execute(loop, () -> taking.failed(cause)));
  }

  private void execute(IoEventLoop loop, Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException e) {
      log.debug("{} takes no more frames", link.name(), e);
    }
  }

  private final class GuardedReceiver extends ForwardingReceiver {
    private final EthernetFrame ethernet = new EthernetFrame();

    /** MAC addresses that the guard was told of. */
    private final LongObjectMap<Boolean> heard = new LongObjectHashMap<>();

    private GuestAddresses.Departure departure = guard.addresses().lastDeparture();
    private long lastHeard = -1;

    GuardedReceiver(Receiver receiver) {
      super(receiver);
    }

    @Override
    public void frame(ByteBuf frame) {
      if (admits(frame)) {
        super.frame(frame);
      }
    }

    @Override
    public void trustedFrame(ByteBuf frame) {
      if (admits(frame)) {
        super.trustedFrame(frame);
      }
    }

    private boolean admits(ByteBuf frame) {
      if (!guard.isInForce()) {
        link.counters().guardDrops++;
        return false;
      }
      // The guard is in force again only after it has told who has left. So this frame, of who
      // came in the place, finds nothing of that guest's, even where the task is still to run.
      hearDepartures();
      if (guard.hasPorts()) {
        hear(frame);
      }
      return true;
    }

    private void hear(ByteBuf frame) {
      ethernet.wrap(frame, frame.readerIndex(), frame.readableBytes());
      if (ethernet.defect() == null && ethernet.source() != lastHeard) {
        long mac = ethernet.source();
        lastHeard = mac;
        if (heard.size() == MOST_HEARD) {
          heard.clear();
        }
        if (heard.put(mac, Boolean.TRUE) == null) {
          guard.heard();
        }
      }
    }

    void hearDepartures() {
      for (var next = departure.next(); next != null; next = departure.next()) {
        departure = next;
        for (long mac : next.macs) {
          heard.remove(mac);
          guestLeft(mac);
        }
        lastHeard = -1;
      }
    }
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    if (guard.isInForce()) {
      link.send(headers, payload);
    } else {
      link.counters().guardDrops++;
    }
  }

  @Override
  public boolean isolatesGuests() {
    return guard.isolatesGuests();
  }

  @Override
  public void sendTcp(ByteBuf headers, ByteBuf payload, int tcpOffset, int segmentSize) {
    if (guard.isInForce()) {
      link.sendTcp(headers, payload, tcpOffset, segmentSize);
    } else {
      link.counters().guardDrops++;
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    guard.addresses().noLonger(onDeparture);
    link.close();
  }
}
