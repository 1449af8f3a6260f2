/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.TcpSegment;

/**
 * One TCP connection. RFC 9293.
 *
 * <p>All calls come from one thread. {@code nowNanos} is the time of {@link System#nanoTime} or a
 * virtual one, compared by difference, and never goes back. After every call the owner asks {@link
 * #deadlineNanos} when to call {@link #onDeadline}, and {@link #state} whether the connection can
 * be forgotten. Once the state is {@link TcpState#CLOSED}, every call does nothing, besides
 * releasing what it was given.
 */
@SuppressWarnings("DoNotCallSuggester") // The shape of the API; the engine follows.
public final class TcpConnection {
  private TcpConnection() {}

  /**
   * A connection that a peer's SYN asks for. It is {@link TcpState#HELD}: nothing is sent before
   * {@link #accept}, {@link #refuse} or {@link #drop}.
   *
   * @param syn a segment with SYN and neither ACK nor RST; only read during the call
   * @throws IllegalArgumentException if it is another segment
   */
  public static TcpConnection passive(
      TcpConfig config,
      TcpCounters counters,
      InitialNumbers numbers,
      TcpSegment syn,
      ConnectionHandler handler,
      SegmentTransmitter transmitter,
      long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** A connection we ask for: its SYN is sent at once. */
  public static TcpConnection open(
      TcpConfig config,
      TcpCounters counters,
      InitialNumbers numbers,
      ConnectionHandler handler,
      SegmentTransmitter transmitter,
      long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** Answers the SYN of a held connection with a SYN-ACK. In any other state it does nothing. */
  public void accept(long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** Answers the SYN of a held connection with a RST. In any other state it does nothing. */
  public void refuse(long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** Ends the connection in whatever state, and sends nothing. */
  public void drop() {
    throw new UnsupportedOperationException();
  }

  /**
   * A segment arrived.
   *
   * @param segment one without a defect; only read during the call
   * @param payload its payload, the readable bytes; borrowed: what is kept is retained or copied
   */
  public void receive(TcpSegment segment, ByteBuf payload, long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /**
   * Queues bytes to be sent, in whatever state before {@link #shutdownOutput}; before the handshake
   * is complete they wait for it. Nothing is refused: ask {@link #isWritable} first.
   *
   * @param data the readable bytes; the connection takes ownership, and they must not change any
   *     more
   * @throws IllegalStateException after {@link #shutdownOutput}; the data is released
   */
  public void send(ByteBuf data, long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /**
   * Bytes given to {@link ConnectionHandler#data} no longer take up memory: the window may reopen.
   *
   * @throws IllegalArgumentException if that is more than was delivered and not consumed before
   */
  public void consumed(int bytes, long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** Sends a FIN after all queued data; we go on receiving. A second call does nothing. */
  public void shutdownOutput(long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /**
   * Sends a FIN after all queued data, and receives no more: data that arrives from now on resets
   * the connection (RFC 1122, section 4.2.2.13), and the wait for the peer's FIN is bounded. The
   * only events that follow are {@link ConnectionHandler#acknowledged} and {@link
   * ConnectionHandler#closed}. A held connection is refused.
   */
  public void close(long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** Ends the connection at once, with a RST where the peer knows of it. */
  public void abort(long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** The state. */
  public TcpState state() {
    throw new UnsupportedOperationException();
  }

  /** When to call {@link #onDeadline}; {@link Long#MAX_VALUE} for never. */
  public long deadlineNanos() {
    throw new UnsupportedOperationException();
  }

  /** The deadline may have passed: does what is due. Too early a call does nothing. */
  public void onDeadline(long nowNanos) {
    throw new UnsupportedOperationException();
  }

  /** Bytes queued and not acknowledged, sent or not. */
  public int queuedBytes() {
    throw new UnsupportedOperationException();
  }

  /** Bytes queued and not sent yet. */
  public int unsentBytes() {
    throw new UnsupportedOperationException();
  }

  /** Whether fewer bytes are queued than {@link TcpConfig#sendCapacityBytes}. */
  public boolean isWritable() {
    throw new UnsupportedOperationException();
  }

  /** Bytes given to {@link ConnectionHandler#data} and not yet to {@link #consumed}. */
  public int unconsumedBytes() {
    throw new UnsupportedOperationException();
  }

  /**
   * Whether {@code segment} opens a new connection between the same addresses and ports, for which
   * this one, in TIME-WAIT, should make way: the owner then calls {@link #drop} and takes the
   * segment for a new connection. RFC 9293, section 3.10.7.4; RFC 6191.
   */
  public boolean yieldsTo(TcpSegment segment) {
    throw new UnsupportedOperationException();
  }
}
