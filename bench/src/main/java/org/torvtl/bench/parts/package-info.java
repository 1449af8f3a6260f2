/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Micro-benchmarks of the parts, with JMH: reading and writing packets, two TCP engines back to
 * back, the timer wheel. They tell which part became slower when the whole did; how fast the whole
 * is they do not tell.
 */
@NullMarked
package org.torvtl.bench.parts;

import org.jspecify.annotations.NullMarked;
