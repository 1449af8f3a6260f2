/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import org.torvtl.egress.Answer;
import org.torvtl.egress.IsolationKey;

/**
 * The way out for names. Implementations ask far away, never a resolver of this machine, and may
 * not use one answer for two isolation keys.
 *
 * <p>Futures fail with an {@link org.torvtl.egress.EgressException} if there is no answer.
 * Cancelling one ends the lookup.
 */
public interface NameResolver {
  /**
   * Asks for an address of a name.
   *
   * @param isolation of the guest that asks
   * @param name lower-case host name without a dot at the end
   */
  Future<Answer> resolve(IsolationKey isolation, String name);

  /**
   * Asks for the name of an address.
   *
   * @param isolation of the guest that asks
   */
  Future<Answer> resolvePtr(IsolationKey isolation, InetAddress address);
}
