/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

/** What a link has done. Written by the link's event loop; other threads may read a moment late. */
public final class LinkCounters {
  /** Frames and bytes taken from the device. */
  public long receivedFrames, receivedBytes;

  /** Frames and bytes given to the device. */
  public long sentFrames, sentBytes;

  /** Frames the device did not take: its queue was full, or the interface down. */
  public long sendDrops;

  /** Frames dropped on arrival, for there was no memory to read them into. */
  public long memoryDrops;

  /** Frames longer than the link's MTU allows, dropped on arrival. */
  public long oversizedDrops;

  /**
   * Frames that bundle packets in a way other than TCP's, which the link asked nobody to do:
   * dropped on arrival.
   */
  public long offloadDrops;

  /** Frames that belong to another queue of the same device: dropped on arrival. */
  public long misdirectedDrops;

  /** Frames not carried because the guard of the link was not in force. */
  public long guardDrops;

  /** Frames that were not written to the capture file: it could not be written, or not in time. */
  public long captureDrops;
}
