/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.util.concurrent.Future;
import java.net.InetAddress;

/**
 * The way out for names. Implementations ask far away, never a resolver of this machine, and may
 * not use one answer for two isolation keys.
 *
 * <p>A name or address that the far end does not know fails the future with a {@link
 * org.torvtl.tor.socks.SocksException.Refused}; see {@link DnsService} for which code means what.
 * Cancelling a future ends the lookup.
 */
public interface NameResolver {
  /**
   * Asks for an address of a name.
   *
   * @param isolationKey of the guest that asks
   * @param name lower-case host name without a dot at the end
   */
  Future<InetAddress> resolve(String isolationKey, String name);

  /**
   * Asks for the name of an address.
   *
   * @param isolationKey of the guest that asks
   */
  Future<String> resolvePtr(String isolationKey, InetAddress address);
}
