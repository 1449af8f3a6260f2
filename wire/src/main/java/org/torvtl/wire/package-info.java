/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Packet formats, as thin views over bytes.
 *
 * <p>A flyweight is laid over a {@link io.netty.buffer.ByteBuf} with {@code wrap} and then reads
 * and writes the fields of one protocol header in place. It owns neither the buffer nor a reference
 * count, holds no packet state beyond the position it was laid at, and can be laid over the next
 * packet at once; so one instance serves a whole event loop and nothing is allocated per packet.
 *
 * <p>What comes in is hostile. {@code wrap} itself only remembers where the header lies; {@code
 * defect()} then says what, if anything, is wrong with it, and no other accessor may be called
 * before it has answered {@code null}. A header without a defect lies wholly inside the given
 * bounds, lengths inside it are consistent, and its checksum is right.
 *
 * <p>The fields of a TCP header to be sent travel as a {@link org.torvtl.wire.TcpHeader}, reused as
 * flyweights are.
 *
 * <p>Addresses are primitives: an IPv4 address is an {@code int} and a MAC address the low 48 bits
 * of a {@code long}, both in network byte order (the first byte on the wire is the most significant
 * one). Sequence numbers are {@code int}s that wrap around; ports are {@code int}s from 0 to 65535.
 *
 * <p>Nothing here does input or output, keeps state between packets, or decides anything.
 */
@NullMarked
package org.torvtl.wire;

import org.jspecify.annotations.NullMarked;
