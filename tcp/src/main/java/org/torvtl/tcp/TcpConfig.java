/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.util.function.Consumer;

/**
 * What a connection is tuned by. Start from {@link #defaults}.
 *
 * @param maxSegmentSize the most payload bytes of a packet either way, options not counted: the
 *     link's MTU less 40 for IPv4. Announced to the peer. RFC 9293, section 3.7.1
 * @param maxTransmitBytes the most payload bytes handed to the transmitter at once: {@code
 *     maxSegmentSize} without segmentation offload, up to 65,495 with it
 * @param receiveCapacityBytes bounds what arrives and is not consumed yet, the reassembly queue
 *     included; the largest window we announce. 1 to 2^30
 * @param sendCapacityBytes above so many queued bytes {@link TcpConnection#isWritable} answers no
 * @param copyBelowBytes payload that must be kept and is shorter than this, or than a quarter of
 *     what it would pin, is copied rather than retained
 * @param initialRtoNanos retransmission timeout before the first measurement; 1 s. RFC 6298,
 *     section 2.1
 * @param minRtoNanos least retransmission timeout. RFC 6298, section 2.4 asks for 1 s; 200 ms is
 *     what systems in wide use take, and a guest's link is short
 * @param maxRtoNanos greatest retransmission timeout, and pause between window probes; 60 s. RFC
 *     6298, section 2.5
 * @param giveUpNanos a peer that has not answered our retransmissions or window probes for so long
 *     has vanished: R2 of RFC 9293, section 3.8.3, at least 100 s
 * @param synRetries how often a SYN is repeated. 7 is just over the 3 minutes of RFC 9293, section
 *     3.8.3
 * @param synAckRetries how often a SYN-ACK is repeated
 * @param delayedAckNanos the longest an acknowledgment is held back. Below 500 ms by RFC 1122,
 *     section 4.2.3.2
 * @param timeWaitNanos how long TIME-WAIT lasts: twice the maximum segment lifetime. On a guest's
 *     link no segment lives 30 s
 * @param finWait2Nanos how long, after {@link TcpConnection#close}, we wait for the peer's FIN
 * @param congestionControl how much may be under way
 * @param initialReceiveBytes the window a connection starts with, at most {@code
 *     receiveCapacityBytes}: it grows to that where the peer uses it up and the owner keeps up
 * @param keepAlive whether and how an idle peer is asked if it is still there
 */
public record TcpConfig(
    int maxSegmentSize,
    int maxTransmitBytes,
    int receiveCapacityBytes,
    int sendCapacityBytes,
    int copyBelowBytes,
    long initialRtoNanos,
    long minRtoNanos,
    long maxRtoNanos,
    long giveUpNanos,
    int synRetries,
    int synAckRetries,
    long delayedAckNanos,
    long timeWaitNanos,
    long finWait2Nanos,
    CongestionControl.Algorithm congestionControl,
    int initialReceiveBytes,
    KeepAlive keepAlive) {
  private static final TcpConfig DEFAULTS =
      new TcpConfig(
          /* maxSegmentSize= */ 1460,
          /* maxTransmitBytes= */ 1460,
          /* receiveCapacityBytes= */ 1 << 20,
          /* sendCapacityBytes= */ 1 << 20,
          /* copyBelowBytes= */ 1024,
          /* initialRtoNanos= */ SECONDS.toNanos(1),
          /* minRtoNanos= */ MILLISECONDS.toNanos(200),
          /* maxRtoNanos= */ SECONDS.toNanos(60),
          /* giveUpNanos= */ SECONDS.toNanos(180),
          /* synRetries= */ 7,
          /* synAckRetries= */ 5,
          /* delayedAckNanos= */ MILLISECONDS.toNanos(40),
          /* timeWaitNanos= */ SECONDS.toNanos(60),
          /* finWait2Nanos= */ SECONDS.toNanos(60),
          CongestionControl.Algorithm.CUBIC,
          /* initialReceiveBytes= */ 64 << 10,
          KeepAlive.OFF);

  /**
   * Checks the bounds.
   *
   * @throws IllegalArgumentException if a size is out of the range named at its parameter
   */
  public TcpConfig {
    if (maxSegmentSize < 64 || maxSegmentSize > 65_495) {
      throw new IllegalArgumentException("maxSegmentSize must be 64 to 65495: " + maxSegmentSize);
    }
    if (maxTransmitBytes < maxSegmentSize || maxTransmitBytes > 65_495) {
      throw new IllegalArgumentException(
          "maxTransmitBytes must be maxSegmentSize to 65495: " + maxTransmitBytes);
    }
    if (receiveCapacityBytes < 1 || receiveCapacityBytes > 1 << 30) {
      throw new IllegalArgumentException(
          "receiveCapacityBytes must be 1 to 2^30: " + receiveCapacityBytes);
    }
    if (sendCapacityBytes < 1) {
      throw new IllegalArgumentException(
          "sendCapacityBytes must be 1 or more: " + sendCapacityBytes);
    }
    if (initialReceiveBytes < 1 || initialReceiveBytes > receiveCapacityBytes) {
      throw new IllegalArgumentException(
          "initialReceiveBytes must be 1 to receiveCapacityBytes: " + initialReceiveBytes);
    }
  }

  /**
   * For an Ethernet-like link with an MTU of 1500 and no offload: packets of 1460 bytes, 1 MiB each
   * way, payload copied below 1024 bytes, retransmission timeout 200 ms to 60 s, delayed
   * acknowledgments 40 ms, give up after 3 minutes, TIME-WAIT 60 s, CUBIC, windows that grow from
   * 64 KiB, no keep-alive (RFC 9293, section 3.8.4, has it off unless asked for).
   */
  public static TcpConfig defaults() {
    return DEFAULTS;
  }

  /** The same for packets of so many payload bytes, and no segmentation offload. */
  public TcpConfig withMaxSegmentSize(int bytes) {
    return with(other -> other.segment = other.transmit = bytes);
  }

  /** The same with so many bytes handed to the transmitter at once. */
  public TcpConfig withMaxTransmitBytes(int bytes) {
    return with(other -> other.transmit = bytes);
  }

  /**
   * The same with these bounds on what is buffered; a window that would start above its bound
   * starts at it.
   */
  public TcpConfig withCapacity(int receiveBytes, int sendBytes) {
    return with(other -> {
      other.receive = receiveBytes;
      other.send = sendBytes;
      other.initialReceive = Math.min(receiveBytes, initialReceiveBytes);
    });
  }

  /** The same with windows that start at so many bytes, at most the capacity. */
  public TcpConfig withInitialReceiveBytes(int bytes) {
    return with(other -> other.initialReceive = bytes);
  }

  /** The same with another length of TIME-WAIT. */
  public TcpConfig withTimeWaitNanos(long nanos) {
    return with(other -> other.timeWait = nanos);
  }

  /** The same with another congestion control. */
  public TcpConfig withCongestionControl(CongestionControl.Algorithm algorithm) {
    return with(other -> other.congestion = algorithm);
  }

  /** The same with another keep-alive. */
  public TcpConfig withKeepAlive(KeepAlive how) {
    return with(other -> other.alive = how);
  }

  private TcpConfig with(Consumer<Change> changes) {
    var change = new Change();
    changes.accept(change);
    return change.config();
  }

  /** What may be another in a configuration made from this one. */
  private final class Change {
    private int segment = maxSegmentSize;
    private int transmit = maxTransmitBytes;
    private int receive = receiveCapacityBytes;
    private int send = sendCapacityBytes;
    private int initialReceive = initialReceiveBytes;
    private long timeWait = timeWaitNanos;
    private CongestionControl.Algorithm congestion = congestionControl;
    private KeepAlive alive = keepAlive;

    TcpConfig config() {
      return new TcpConfig(
          segment,
          transmit,
          receive,
          send,
          copyBelowBytes,
          initialRtoNanos,
          minRtoNanos,
          maxRtoNanos,
          giveUpNanos,
          synRetries,
          synAckRetries,
          delayedAckNanos,
          timeWait,
          finWait2Nanos,
          congestion,
          initialReceive,
          alive);
    }
  }
}
