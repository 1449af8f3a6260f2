/* SPDX-License-Identifier: Apache-2.0 */

/** The example of the README, which a test runs and holds against it. */
@NullMarked
package org.torvtl.tcp.example;

import org.jspecify.annotations.NullMarked;
