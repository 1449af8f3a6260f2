/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * The numbers a connection starts with, which are not to be guessed off its path; from {@link
 * IsnGenerator}.
 *
 * @param sequence our initial sequence number. RFC 6528
 * @param timestampOffset added to the clock in our timestamps. RFC 7323, section 5.4
 */
public record InitialNumbers(int sequence, int timestampOffset) {}
