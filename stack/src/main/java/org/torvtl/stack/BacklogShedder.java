/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;

/**
 * Finds that a lane reads frames that are old, because what came before them took long, and sheds
 * them: packets of no established connection, whose senders have given up or will ask again. Served
 * in order they would keep everybody waiting for as long as the flood before them lasted.
 *
 * <p>A device does not tell how old a frame is. But a frame is at most as old as the time it took
 * to read what its queue holds. So a backlog is old when the queue was not empty for {@link
 * #WINDOW_NANOS} while few frames were read, most of them of no connection. A flood that is read as
 * fast as it arrives is none, however long it lasts. Shedding ends when the queue is empty, or
 * after as many frames as a queue may hold.
 */
final class BacklogShedder {
  static final long WINDOW_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  /** Read in a window, so many frames show a lane that is fast enough: 4,096 a second. */
  static final int BUSY_FRAMES = 1024;

  /** Fewer than two turns of a device's queue may have come with a pause between them. */
  static final int LEAST_FRAMES = 2 * 64;

  /** More than a packet socket queues. */
  static final int QUEUE_FRAMES = 8192;

  private boolean armed;
  private boolean drained;
  private boolean isCounted;
  private long windowStartNanos;
  private int frames;
  private int answered;
  private int left;

  /** The device has no further frame. Without a first call of this, nothing is shed. */
  void drained() {
    armed = true;
    drained = true;
    left = 0;
  }

  /** A frame has come. */
  void frame(long nowNanos) {
    isCounted = false;
    if (drained) {
      drained = false;
      startWindow(nowNanos);
    }
    frames++;
    if (left > 0) {
      left--;
      if (left == 0) {
        startWindow(nowNanos);
      }
    } else if (nowNanos - windowStartNanos >= WINDOW_NANOS && frames >= LEAST_FRAMES) {
      if (armed && frames < BUSY_FRAMES && 2 * answered > frames) {
        left = QUEUE_FRAMES;
      }
      startWindow(nowNanos);
    }
  }

  /** The frame at hand is of no established connection; told more than once, it counts once. */
  void isUnconnected() {
    answered += isCounted ? 0 : 1;
    isCounted = true;
  }

  /** Whether such a frame is to be dropped. */
  boolean sheds() {
    return left > 0;
  }

  private void startWindow(long nowNanos) {
    windowStartNanos = nowNanos;
    frames = 0;
    answered = 0;
  }
}
