/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The sockets of other programs of this host: who listens, who accepted, and who hears what guests
 * send.
 *
 * <p>Answers come from sock_diag(7) ({@code SockDiag}), where one socket is asked for on each
 * connection, and from {@code /proc/net} where there is time. A user is told as a number, 32 bits
 * without sign; what cannot be found out is an empty answer or an exception, never a guess.
 */
@NullMarked
package org.torvtl.host.socket;

import org.jspecify.annotations.NullMarked;
