/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Joins links, stack and egress.
 *
 * <p>A {@link org.torvtl.gateway.Lane} is one event loop with one link, its stack, and the flows
 * whose packets arrive there; it shares nothing with another lane. A {@link
 * org.torvtl.gateway.Flow} is one guest connection and one stream of the {@link
 * org.torvtl.gateway.Egress}, joined byte for byte, with back-pressure in both directions: the
 * guest's window reopens only when the bytes have been given to the egress, and the egress is read
 * only while the guest takes bytes. A connection to port 53 is none of these, but a {@link
 * org.torvtl.gateway.DnsConnection}.
 *
 * <p>What fails, fails: where the egress cannot carry a thing the guest is told so, and nothing
 * here opens a socket to anywhere but the egress.
 */
@NullMarked
package org.torvtl.gateway;

import org.jspecify.annotations.NullMarked;
