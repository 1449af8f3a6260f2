/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Tor as an egress, with what is peculiar to Tor.
 *
 * <p><b>Whether Tor is there.</b> A stream that Tor ends looks the same whether its far end is done
 * or Tor is dying. So after each end Tor is asked on a second connection, and as long as there are
 * streams a silent connection watches it ({@link org.torvtl.tor.egress.LivenessCheck}).
 *
 * <p><b>What a lookup's failure means.</b> Tor says "host unreachable" of a name that is unknown,
 * of a resolver that stumbled, and of a port whose flags forbid lookups ({@link
 * org.torvtl.tor.egress.Lookups}, {@link org.torvtl.tor.egress.SocksPortFlags}).
 *
 * <p><b>Whose the port is.</b> When Tor ends, any local process may take its port ({@link
 * org.torvtl.tor.egress.ProxyOwner}).
 */
@NullMarked
package org.torvtl.tor.egress;

import org.jspecify.annotations.NullMarked;
