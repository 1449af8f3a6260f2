/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Fuzz targets as tests. A target is a class {@code *Fuzz} among a module's tests that reads what
 * arrives from outside, as Jazzer calls it: {@code public static void fuzzerTestOneInput(byte[])}
 * fails if anything is wrong with the input's reading. Its corpus is the folder {@code
 * src/test/fuzz/TARGET} of the module, an input in each file.
 *
 * <p>A module's {@code FuzzTest} names its targets and has each of them take its corpus and inputs
 * made from it; Jazzer itself, in a process of its own, is what {@code make test-long} adds. {@code
 * make fuzz} fuzzes all of them for longer; both give Jazzer the arguments in {@code
 * scripts/jazzer.args}.
 */
@NullMarked
package org.torvtl.fuzz;

import org.jspecify.annotations.NullMarked;
