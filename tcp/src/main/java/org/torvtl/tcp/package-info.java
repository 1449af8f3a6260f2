/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The TCP engine: the protocol of RFC 9293 as a pure state machine.
 *
 * <p><b>What comes in.</b> Segments that arrived, already checked by {@link
 * org.torvtl.wire.TcpSegment}, with their payload; what the owner of the connection wants (accept,
 * send, shut down, abort); and the time, as a parameter of every call. <b>What goes out.</b>
 * Segments to a {@link org.torvtl.tcp.SegmentTransmitter}, events to a {@link
 * org.torvtl.tcp.ConnectionHandler}, and the next moment at which the connection wants to be
 * called: {@link org.torvtl.tcp.TcpConnection#deadlineNanos}. There is no thread, clock, socket,
 * address or port in here, and nothing is logged; so a test can replay any run, and the owner
 * decides what a connection is reached by.
 *
 * <p><b>Who does what.</b> {@code TcpConnection} is the state diagram. What is sent, when, and what
 * becomes of it is {@code Sender}'s: with the queue of bytes not acknowledged ({@code SendQueue}),
 * what of it the peer has or has lost ({@code SackScoreboard}), how long to wait ({@code
 * RetransmissionTimeout}) and how much may be under way ({@link org.torvtl.tcp.CongestionControl}).
 * What arrives is {@code Receiver}'s: what came out of order ({@code ReassemblyQueue}), what the
 * peer may send ({@code ReceiveWindow}), when and what to acknowledge.
 *
 * <p><b>Sequence numbers</b> are 32 bits on the wire and {@code long} in here: every number that
 * arrives is extended to the {@code long} nearest to one already known ({@code
 * SequenceNumbers.extend}). From there on plain {@code <} and {@code -} are right, whatever wraps.
 *
 * <p><b>Buffers.</b> Payload is never copied on its way through, unless it is small: then keeping
 * it could pin a much larger buffer. The engine holds references to what it queues and gives every
 * one of them back when the bytes are acknowledged or the connection ends, whatever way it ends.
 *
 * <p><b>Passive opens are held.</b> A gateway does not know whether it can accept before the far
 * end has answered. So a connection made from a SYN says nothing until its owner calls {@code
 * accept}, {@code refuse} or {@code drop}; the peer's retransmissions meanwhile are ignored.
 *
 * <p><b>Not here:</b> urgent data (it is delivered in line), ECN, Nagle's algorithm (a relay
 * forwards what it has), TCP Fast Open.
 */
@NullMarked
package org.torvtl.tcp;

import org.jspecify.annotations.NullMarked;
