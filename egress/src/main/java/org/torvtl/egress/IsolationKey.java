/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

/**
 * Requests with the same key may share a path through the egress; requests with different ones
 * never do.
 *
 * @param text 1 to 255 characters of printable ASCII
 */
public record IsolationKey(String text) {
  private static final int MAX_LENGTH = 255;

  public IsolationKey {
    if (text.isEmpty() || text.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "an isolation key has 1 to 255 characters, not " + text.length());
    }
    if (!text.chars().allMatch(c -> c >= ' ' && c <= '~')) {
      throw new IllegalArgumentException("an isolation key is printable ASCII");
    }
  }

  /** Without the key: a reader of a log is not told which streams belong together. */
  @Override
  public String toString() {
    return "IsolationKey[…]";
  }
}
