/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import org.jspecify.annotations.Nullable;

/**
 * What a router is told at its start.
 *
 * @param number which router of its proxy it is, from 1
 * @param pid its process id
 * @param secret shared with the proxy
 * @param exit its way to the world; null if it has none
 */
public record RouterConfig(int number, long pid, Secret secret, @Nullable Exit exit) {
  /**
   * An interface to the world.
   *
   * @param name of the interface
   * @param address the router's own on it, network byte order
   * @param mtu bytes of the largest packet
   */
  public record Exit(String name, int address, int mtu) {}
}
