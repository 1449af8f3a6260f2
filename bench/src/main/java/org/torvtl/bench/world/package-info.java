/* SPDX-License-Identifier: Apache-2.0 */

/**
 * What is on the far side of everything that is measured: a SOCKS proxy that is as fast as the
 * kernel lets it be, and the server behind it. Two programs, as a proxy and a server are two; both
 * know no stream from another, so that all sides of a comparison have the same world.
 *
 * <p>{@link org.torvtl.bench.world.SocksRelay} stands where Tor's SOCKS port would be and treats a
 * stream as Tor does: it ends as a whole, as soon as either side has ended. Wherever a stream is to
 * go, it goes to that port of {@link org.torvtl.bench.world.FarEnd}.
 */
@NullMarked
package org.torvtl.bench.world;

import org.jspecify.annotations.NullMarked;
