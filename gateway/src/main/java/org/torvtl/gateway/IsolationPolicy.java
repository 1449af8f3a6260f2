/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.util.function.ObjLongConsumer;
import org.torvtl.egress.IsolationKey;

/**
 * Decides who shares circuits with whom: requests with the same isolation key may, requests with
 * different ones never do. A policy belongs to one device, whose lanes all ask it, each on its
 * thread; two policies never give the same key.
 */
public interface IsolationPolicy {
  /**
   * What a guest asks of the egress.
   *
   * @param guest the guest's MAC address, 0 on a TUN
   * @param guestAddress the guest's IPv4 address, network byte order
   * @param address the IPv4 address the guest sent to, network byte order
   * @param port the port it sent to
   */
  record Request(long guest, int guestAddress, int address, int port) {}

  /** The isolation key of a request. */
  IsolationKey keyOf(Request request);

  /**
   * Who is accountable for what a guest takes of the gateway: guests with the same owner share one
   * part. Guests with different keys may have one owner, not the other way round. Asked for each
   * frame.
   *
   * @param guest the guest's MAC address, 0 on a TUN
   */
  default long ownerOf(long guest) {
    return guest;
  }

  /**
   * A guest has left, and another may have its MAC address now, which gets a key of its own.
   *
   * @param guest the guest's MAC address
   */
  void forget(long guest);

  /** Gives every counter to {@code sink} with its name; from any thread. */
  void count(ObjLongConsumer<String> sink);
}
