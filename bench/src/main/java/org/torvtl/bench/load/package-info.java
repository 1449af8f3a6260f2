/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The load: one program, {@link org.torvtl.bench.load.LoadClient}, the same on every side of a
 * comparison. It makes plain TCP connections, which a tunnel or a redirection carries away, or
 * speaks SOCKS itself, as a program does where there is neither.
 *
 * <p>It lives as long as the whole run, so that it is compiled and warm, and does one workload at a
 * time when the {@link org.torvtl.bench.load.LoadControl} of another process says so. One thread,
 * and no copy of its own: it measures until the network, not the program, is at its limit.
 */
@NullMarked
package org.torvtl.bench.load;

import org.jspecify.annotations.NullMarked;
