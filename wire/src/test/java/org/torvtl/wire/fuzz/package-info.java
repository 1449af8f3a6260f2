/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Fuzz targets: one class for each format that arrives from outside. Whatever the bytes, a view
 * either names a defect, or all it answers lies within its bounds. Where a checksum would keep the
 * fuzzer out it is set right first.
 */
@NullMarked
package org.torvtl.wire.fuzz;

import org.jspecify.annotations.NullMarked;
