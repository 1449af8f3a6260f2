/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.link.Link;
import org.torvtl.link.LinkCounters;
import org.torvtl.link.MemoryLink;

/**
 * A cable whose both ends live on the gateway's event loop: what one end sends, the other gets in a
 * later task. The gateway takes {@link #gatewayEnd}, the guest {@link #attach}es itself.
 */
final class LoopCable implements AutoCloseable {
  private final MemoryLink gateway;
  private final MemoryLink guest;
  private final GatewayEnd gatewayEnd = new GatewayEnd();
  private final CompletableFuture<IoEventLoop> loop = new CompletableFuture<>();
  private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
  private Link.@Nullable Receiver receiver;
  private boolean toGatewayScheduled;
  private boolean toGuestScheduled;
  private boolean unplugged;

  LoopCable(int mtu) {
    var ends = MemoryLink.pair(Link.Medium.ETHERNET, mtu);
    gateway = ends[0];
    guest = ends[1];
  }

  Link gatewayEnd() {
    return gatewayEnd;
  }

  /** The loop the gateway was started on. */
  IoEventLoop loop() throws Exception {
    return loop.get(10, TimeUnit.SECONDS);
  }

  /** As {@link #loop}, where the gateway is known to have been started. */
  IoEventLoop gatewayLoop() {
    return loop.join();
  }

  void attach(Link.Receiver guestReceiver) {
    guest.start(guestReceiver);
  }

  /** Whether frames to the guest are lost. On the loop. */
  void unplug(boolean unplugged) {
    this.unplugged = unplugged;
  }

  /** The device is gone, as a deleted interface. On the loop. */
  void fail(IOException cause) {
    var gone = receiver;
    if (gone == null) {
      throw new IllegalStateException("not started");
    }
    gatewayEnd.close();
    gone.failed(cause);
  }

  /** Sends a frame of the guest's; borrowed. On the loop. */
  void sendFromGuest(ByteBuf headers, ByteBuf payload) {
    guest.send(headers, payload);
    if (!toGatewayScheduled) {
      toGatewayScheduled = true;
      loop.join().execute(this::deliverToGateway);
    }
  }

  private void deliverToGateway() {
    toGatewayScheduled = false;
    try {
      gateway.deliver();
    } catch (RuntimeException | AssertionError e) {
      failures.add(e);
    }
  }

  private void deliverToGuest() {
    toGuestScheduled = false;
    try {
      if (unplugged) {
        for (var frame = guest.poll(); frame != null; frame = guest.poll()) {
          frame.release();
        }
      } else {
        guest.deliver();
      }
    } catch (RuntimeException | AssertionError e) {
      failures.add(e);
    }
  }

  /** Delivers what is still on its way, once the loop is gone. Throws what went wrong meanwhile. */
  @Override
  public void close() {
    deliverToGuest();
    gateway.close();
    guest.close();
    var failure = failures.poll();
    if (failure != null) {
      throw new AssertionError("a frame was not taken", failure);
    }
  }

  private final class GatewayEnd implements Link {
    private boolean closed;

    @Override
    public String name() {
      return "cable0";
    }

    @Override
    public Medium medium() {
      return gateway.medium();
    }

    @Override
    public int mtu() {
      return gateway.mtu();
    }

    @Override
    public void start(IoEventLoop startedOn, Receiver gatewayReceiver) {
      receiver = gatewayReceiver;
      gateway.start(gatewayReceiver);
      loop.complete(startedOn);
    }

    @Override
    public void send(ByteBuf headers, ByteBuf payload) {
      if (closed) {
        return;
      }
      gateway.send(headers, payload);
      if (!toGuestScheduled) {
        toGuestScheduled = true;
        loop.join().execute(LoopCable.this::deliverToGuest);
      }
    }

    @Override
    public LinkCounters counters() {
      return gateway.counters();
    }

    /** Frames sent before it still arrive, as on a cable. */
    @Override
    public void close() {
      closed = true;
    }
  }
}
