/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;

/** One end of a cable. All of it is used from one event loop, that given to {@link #start}. */
public interface Link extends AutoCloseable {
  /** What a frame on the link begins with. */
  enum Medium {
    /** An Ethernet header. */
    ETHERNET,
    /** An IP header. */
    IP
  }

  /** What takes the frames of a link. Called on the link's event loop only. */
  interface Receiver {
    /**
     * A frame has arrived.
     *
     * @param frame the whole readable part is the frame; borrowed for the time of the call
     */
    void frame(ByteBuf frame);

    /**
     * As {@link #frame}, for a frame whose TCP or UDP checksum needs no check: it was checked on
     * the way, or the frame never left the memory of this machine and carries none.
     */
    default void trustedFrame(ByteBuf frame) {
      frame(frame);
    }

    /**
     * A guest has left for good, and another may have its MAC address from now on: nothing of the
     * one may be the other's. No frame comes in between.
     *
     * @param mac as of {@link org.torvtl.wire.MacAddress}
     */
    default void guestLeft(long mac) {}

    /** The device's queue is empty; {@link #endOfBatch} follows. */
    void drained();

    /** No further frame is taken for now, whether or not the device has more. */
    void endOfBatch();

    /**
     * There was no memory for a frame, which is dropped and counted: the receiver should free some.
     * {@link #endOfBatch} follows.
     */
    void allocationFailed();

    /** The device is gone; nothing more will arrive, and nothing can be sent. */
    void failed(IOException cause);
  }

  /** The name of the interface, for messages. */
  String name();

  Medium medium();

  /** Bytes of the largest IP packet the link carries. */
  int mtu();

  /**
   * Begins to deliver what arrives.
   *
   * @throws IllegalStateException if it was started before
   */
  void start(IoEventLoop loop, Receiver receiver);

  /**
   * Sends one frame, {@code headers} followed by {@code payload}. Both are borrowed for the time of
   * the call and their indices stay as they are. A frame that the device does not take is dropped
   * and counted.
   */
  void send(ByteBuf headers, ByteBuf payload);

  /**
   * Whether the guests on the link hear nothing of each other, but the gateway only. May change
   * while the link is used.
   */
  default boolean isolatesGuests() {
    return false;
  }

  /**
   * Whether {@link #sendTcp} may be used, which leaves to whoever takes the frame what it would
   * have to do for each packet otherwise.
   */
  default boolean hasTcpOffload() {
    return false;
  }

  /**
   * Sends a TCP segment whose checksum is yet to be made, and which is cut into packets where the
   * payload is longer than one may carry; otherwise as {@link #send}. The frame, from the IP header
   * on, is no longer than an IP packet can be.
   *
   * @param headers all headers, TCP's last, with the checksum as {@link
   *     org.torvtl.wire.TcpSegment#startChecksum} leaves it
   * @param tcpOffset where the TCP header starts in the frame
   * @param segmentSize the most bytes of payload for a packet
   * @throws UnsupportedOperationException if the link has no such offload
   */
  default void sendTcp(ByteBuf headers, ByteBuf payload, int tcpOffset, int segmentSize) {
    throw new UnsupportedOperationException(name() + " has no offload of TCP");
  }

  LinkCounters counters();

  /** Ends delivery and closes the device. More calls do nothing. */
  @Override
  void close();
}
