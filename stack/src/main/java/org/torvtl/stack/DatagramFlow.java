/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

/**
 * The two ends of a UDP exchange.
 *
 * @param guest the guest's MAC address, 0 on a TUN
 * @param guestAddress its IPv4 address, network byte order
 * @param guestPort its port
 * @param address the IPv4 address it speaks to, network byte order
 * @param port the port it speaks to
 */
public record DatagramFlow(long guest, int guestAddress, int guestPort, int address, int port) {}
