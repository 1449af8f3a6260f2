/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.Link;
import org.torvtl.link.LinkCounters;

/** A link that carries nothing, either way, while its guard is not in force. */
public final class GuardedLink implements Link {
  private static final Logger log = LoggerFactory.getLogger(GuardedLink.class);

  private final Link link;
  private final LinkGuard guard;
  private final AtomicInteger open;
  private boolean closed;

  private GuardedLink(Link link, LinkGuard guard, AtomicInteger open) {
    this.link = link;
    this.guard = guard;
    this.open = open;
  }

  /** Links on one device, with its guard, which is closed with the last of them. */
  public static List<Link> all(List<? extends Link> links, LinkGuard guard) {
    var open = new AtomicInteger(links.size());
    var guarded = new ArrayList<Link>();
    for (var link : links) {
      guarded.add(new GuardedLink(link, guard, open));
    }
    return guarded;
  }

  @Override
  public String name() {
    return link.name();
  }

  @Override
  public Medium medium() {
    return link.medium();
  }

  @Override
  public int mtu() {
    return link.mtu();
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    link.start(loop, guarded(receiver));
  }

  private Receiver guarded(Receiver receiver) {
    return new Receiver() {
      @Override
      public void frame(ByteBuf frame) {
        if (guard.isInForce()) {
          receiver.frame(frame);
        } else {
          link.counters().guardDrops++;
        }
      }

      @Override
      public void trustedFrame(ByteBuf frame) {
        if (guard.isInForce()) {
          receiver.trustedFrame(frame);
        } else {
          link.counters().guardDrops++;
        }
      }

      @Override
      public void drained() {
        receiver.drained();
      }

      @Override
      public void endOfBatch() {
        receiver.endOfBatch();
      }

      @Override
      public void allocationFailed() {
        receiver.allocationFailed();
      }

      @Override
      public void failed(IOException cause) {
        receiver.failed(cause);
      }
    };
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
  public boolean hasTcpOffload() {
    return link.hasTcpOffload();
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
  public LinkCounters counters() {
    return link.counters();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    link.close();
    if (open.decrementAndGet() == 0) {
      try {
        guard.close();
      } catch (IOException e) {
        log.error("{}: {}", name(), e.getMessage());
      }
    }
  }
}
