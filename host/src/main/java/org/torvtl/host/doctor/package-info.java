/* SPDX-License-Identifier: Apache-2.0 */

/**
 * What {@code doctor} looks at on this host, and what it found: each check answers a value, and
 * says nothing. Words for it are the caller's.
 *
 * <p>A check changes nothing, also not for a moment: nftables is asked by {@code nft --check}, the
 * driver of TAP and TUN by opening its file and closing it again.
 */
@NullMarked
package org.torvtl.host.doctor;

import org.jspecify.annotations.NullMarked;
