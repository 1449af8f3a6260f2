/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

/**
 * What a {@link FaultInjectionLink} did to the frames of one direction. Written by the link's event
 * loop; other threads may read a moment late.
 */
public final class FaultCounters {
  /** Frames that came. */
  public long frames;

  /** Frames that were lost by chance. */
  public long lost;

  /** Frames that found the queue full. */
  public long queueDrops;

  /** Frames that were sent on twice. */
  public long duplicated;

  /** Frames that stayed behind, of which some may have had nothing behind them to be passed by. */
  public long reordered;

  /** Frames with a bit turned. */
  public long corrupted;

  /** Frames and copies that came out. */
  public long delivered;

  /** Frames and copies that were under way when the link was closed. */
  public long closedUnderWay;
}
