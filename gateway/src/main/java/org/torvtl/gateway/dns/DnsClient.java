/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import org.torvtl.egress.IsolationKey;

/**
 * The socket of a guest that asks.
 *
 * @param owner of the guest, who has one part of what may be in flight
 * @param isolationKey under which its queries go out; of one owner
 * @param guest the guest's MAC address
 * @param address the guest's IPv4 address, network byte order
 * @param port the guest's port
 * @param isStream whether it asks over TCP, where no query is repeated: each gets a response
 */
public record DnsClient(
    long owner, IsolationKey isolationKey, long guest, int address, int port, boolean isStream) {}
