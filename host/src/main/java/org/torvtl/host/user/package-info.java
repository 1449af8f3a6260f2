/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Users, and what this process may do.
 *
 * <p>{@link org.torvtl.host.user.Privileges} gives root away once everything that needs it is open,
 * and then looks at every thread: Linux has credentials per thread, and one that kept root would
 * have it for all.
 */
@NullMarked
package org.torvtl.host.user;

import org.jspecify.annotations.NullMarked;
