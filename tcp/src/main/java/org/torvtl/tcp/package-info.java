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
 * <p><b>Who does what.</b> {@code TcpConnection} takes its owner's calls and the deadlines.
 * Segments go through {@code SegmentArrival}, which lets {@code StateDiagram} keep the state:
 * {@code Handshake} exchanges the SYNs, {@code SegmentAcceptance} drops or challenges what does not
 * belong here, and {@code OpenConnection} takes the rest, to the FIN and the end; its {@code
 * KeepAliveTimer} asks an idle peer whether it is still there.
 *
 * <p>What is sent, and when, is {@code Sender}'s. Bytes not acknowledged wait in {@code SendQueue},
 * of which {@code Flight} is under way, as {@code TransmissionLog} has it in detail. {@code
 * SendAllowance} says how much may be sent now: by the peer's window ({@code SendWindow}) and by
 * {@link org.torvtl.tcp.CongestionControl} ({@code Cubic} or {@code NewReno}), in segments of
 * {@code EffectiveMss}; {@code DataTransmitter} sends it. {@code RetransmissionTimer} waits for the
 * answer as long as {@code RetransmissionTimeout} says, fed by {@code RoundTripMeter}. What counts
 * as lost is {@code LossRecovery}'s: with SACK ({@code SackReader}) by time ({@code Rack}), without
 * by duplicate acknowledgments; {@code TailLossProbe} draws an answer where the end of a flight may
 * be lost. {@code CongestionResponse} adjusts the window to a loss, and undoes that where {@code
 * SpuriousRecovery} notices that nothing was lost.
 *
 * <p>What arrives is {@code Receiver}'s: what came out of order ({@code ReassemblyQueue}), what the
 * peer may send ({@code ReceiveWindow}, made larger by {@code ReceiveBufferTuner}), when ({@code
 * DelayedAck}) and what ({@code SackBlocks}) to acknowledge.
 *
 * <p><b>Sequence numbers</b> are 32 bits on the wire and {@code long} in here: every number that
 * arrives is extended to the {@code long} nearest to one already known ({@code
 * SequenceNumbers.extend}). From there on plain {@code <} and {@code -} are right, whatever wraps.
 *
 * <p><b>Buffers.</b> Payload is never copied on its way through, unless it is small, or a small
 * part of what keeping it would pin. The engine holds references to what it queues and gives every
 * one of them back when the bytes are acknowledged or the connection ends, whatever way it ends.
 * What each pins is charged to a {@link org.torvtl.tcp.PayloadAccount}, which may refuse what
 * arrives, and may ask for what arrived out of order to be given up.
 *
 * <p><b>Passive opens are held.</b> A gateway does not know whether it can accept before the remote
 * end has answered. So a connection made from a SYN says nothing until its owner calls {@code
 * accept}, {@code refuse} or {@code drop}; the peer's retransmissions meanwhile are ignored.
 *
 * <p><b>Nothing waits for more to send.</b> Nagle's algorithm (RFC 9293, section 3.7.4) is not
 * here: it gathers what an application writes in little pieces, and what a relay gets was gathered
 * by its sender. Held back here, the end of every answer would wait a round trip, or for the
 * guest's delayed acknowledgment. Little pieces that must wait anyway, for a window, do leave
 * together.
 *
 * <p><b>Not here:</b> urgent data as such (it is delivered in line, RFC 6093), ECN, TCP Fast Open,
 * HyStart++, and finding out by probing (RFC 4821) that the path takes smaller packets: {@link
 * org.torvtl.tcp.TcpConnection#packetTooLarge} is to be told.
 */
@NullMarked
package org.torvtl.tcp;

import org.jspecify.annotations.NullMarked;
