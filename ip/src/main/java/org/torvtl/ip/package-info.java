/* SPDX-License-Identifier: Apache-2.0 */

/**
 * What every IP host does; the gateway's stack and the onion network's routers use it. Packets are
 * cut into fragments and put together, echo requests answered, ICMP errors composed, read and
 * limited, as is what a log says of them.
 *
 * <p>Nothing here has a clock, a thread or a way to send: times and packets come in, buffers go
 * out. What a caller counts and what it charges memory to is its own, and is injected.
 */
@NullMarked
package org.torvtl.ip;

import org.jspecify.annotations.NullMarked;
