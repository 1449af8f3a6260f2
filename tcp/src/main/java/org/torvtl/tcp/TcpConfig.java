/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

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
 * @param copyBelowBytes payload that must be kept and is shorter than this, or than half of what it
 *     came with, is copied rather than retained, lest a few bytes keep a whole receive buffer alive
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
  /** Bytes of the window that a connection starts with, where its capacity is not less. */
  public static final int DEFAULT_INITIAL_RECEIVE = 64 << 10;

  private static final TcpConfig DEFAULTS =
      new TcpConfig(
          1460,
          1460,
          1 << 20,
          1 << 20,
          1024,
          SECONDS.toNanos(1),
          MILLISECONDS.toNanos(200),
          SECONDS.toNanos(60),
          SECONDS.toNanos(180),
          7,
          5,
          MILLISECONDS.toNanos(40),
          SECONDS.toNanos(60),
          SECONDS.toNanos(60));

  /** The same without the last ones: CUBIC, windows that grow from 64 KiB, no keep-alive. */
  public TcpConfig(
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
      long finWait2Nanos) {
    this(
        maxSegmentSize,
        maxTransmitBytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        copyBelowBytes,
        initialRtoNanos,
        minRtoNanos,
        maxRtoNanos,
        giveUpNanos,
        synRetries,
        synAckRetries,
        delayedAckNanos,
        timeWaitNanos,
        finWait2Nanos,
        CongestionControl.Algorithm.CUBIC,
        Math.min(receiveCapacityBytes, DEFAULT_INITIAL_RECEIVE),
        KeepAlive.OFF);
  }

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
    return with(
        bytes,
        bytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        timeWaitNanos,
        congestionControl,
        initialReceiveBytes,
        keepAlive);
  }

  /** The same with so many bytes handed to the transmitter at once. */
  public TcpConfig withMaxTransmitBytes(int bytes) {
    return with(
        maxSegmentSize,
        bytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        timeWaitNanos,
        congestionControl,
        initialReceiveBytes,
        keepAlive);
  }

  /**
   * The same with these bounds on what is buffered; a window that would start above its bound
   * starts at it.
   */
  public TcpConfig withCapacity(int receiveBytes, int sendBytes) {
    return with(
        maxSegmentSize,
        maxTransmitBytes,
        receiveBytes,
        sendBytes,
        timeWaitNanos,
        congestionControl,
        Math.min(receiveBytes, initialReceiveBytes),
        keepAlive);
  }

  /** The same with windows that start at so many bytes, at most the capacity. */
  public TcpConfig withInitialReceiveBytes(int bytes) {
    return with(
        maxSegmentSize,
        maxTransmitBytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        timeWaitNanos,
        congestionControl,
        bytes,
        keepAlive);
  }

  /** The same with another length of TIME-WAIT. */
  public TcpConfig withTimeWaitNanos(long nanos) {
    return with(
        maxSegmentSize,
        maxTransmitBytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        nanos,
        congestionControl,
        initialReceiveBytes,
        keepAlive);
  }

  /** The same with another congestion control. */
  public TcpConfig withCongestionControl(CongestionControl.Algorithm algorithm) {
    return with(
        maxSegmentSize,
        maxTransmitBytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        timeWaitNanos,
        algorithm,
        initialReceiveBytes,
        keepAlive);
  }

  /** The same with another keep-alive. */
  public TcpConfig withKeepAlive(KeepAlive how) {
    return with(
        maxSegmentSize,
        maxTransmitBytes,
        receiveCapacityBytes,
        sendCapacityBytes,
        timeWaitNanos,
        congestionControl,
        initialReceiveBytes,
        how);
  }

  private TcpConfig with(
      int segment,
      int transmit,
      int receive,
      int send,
      long timeWait,
      CongestionControl.Algorithm algorithm,
      int initialReceive,
      KeepAlive alive) {
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
        algorithm,
        initialReceive,
        alive);
  }
}
