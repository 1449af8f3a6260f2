/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Tests from the outside: the built {@code ./torvtl} and {@code make demo}, the kernel's own TCP in
 * a guest, and a private network of real {@code tor} processes.
 *
 * <p>Everything happens on a {@link org.torvtl.e2e.Machine}: a set of Linux namespaces (mounts,
 * processes, network) with a {@code /run} and a {@code /tmp} of its own, which the kernel takes
 * down as one when its first process ends, even if the test's JVM was killed. It has no way to any
 * real network. Two runs on one computer do not meet.
 *
 * <p>On the machine of the {@link org.torvtl.e2e.Testbed}, {@code torvtl lab up} makes the private
 * Tor network and {@code torvtl run} the gateways; a guest is one more network namespace, whose
 * only interface is moved there from the gateway. The testbed is made once in each JVM and shared
 * by the test classes there, since a Tor network takes a while to form; after each class it is
 * judged what a {@link org.torvtl.e2e.Capture} of all of it has seen.
 *
 * <p>A command that hangs is ended at its deadline. When a test fails, what torvtl and tor logged
 * is printed with it.
 */
@NullMarked
package org.torvtl.e2e;

import org.jspecify.annotations.NullMarked;
