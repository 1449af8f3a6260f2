/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

/**
 * How the reader of a stream takes its bytes.
 *
 * @param unitBytes what the reader passes on at a time: reads are a multiple of it, at least 1
 * @param bufferBytes the most to be read at a time, and to be held on the way in each direction,
 *     where the egress can tell
 */
public record StreamOptions(int unitBytes, int bufferBytes) {
  public StreamOptions {
    if (unitBytes < 1 || bufferBytes < 1) {
      throw new IllegalArgumentException("sizes are positive: " + unitBytes + ", " + bufferBytes);
    }
  }
}
