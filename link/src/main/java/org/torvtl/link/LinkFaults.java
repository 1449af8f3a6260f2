/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

/**
 * What befalls frames that cross a cable in one direction. Chances are of 1, each is drawn for each
 * frame on its own.
 *
 * @param loss of a frame to be lost
 * @param duplication of a frame to arrive twice
 * @param reordering of a frame to stay behind by up to {@code maxDelayNanos} more, while those sent
 *     after it pass
 * @param corruption of one bit of a frame to be turned
 * @param minDelayNanos the least time under way
 * @param maxDelayNanos the most, except for those that stay behind; other frames keep their order
 * @param queueBytes of frames under way; more are dropped as by a router whose queue is full
 */
public record LinkFaults(
    double loss,
    double duplication,
    double reordering,
    double corruption,
    long minDelayNanos,
    long maxDelayNanos,
    int queueBytes) {
  public static final int DEFAULT_QUEUE_BYTES = 16 << 20;

  /** A cable that only costs a turn of the event loop. */
  public static final LinkFaults NONE = new LinkFaults(0, 0, 0, 0, 0, 0, DEFAULT_QUEUE_BYTES);

  /**
   * @throws IllegalArgumentException if a chance is not between 0 and 1, the delays are not in
   *     order, frames are to be reordered without a delay to do it by, or nothing fits
   */
  public LinkFaults {
    requireChance("loss", loss);
    requireChance("duplication", duplication);
    requireChance("reordering", reordering);
    requireChance("corruption", corruption);
    if (minDelayNanos < 0 || maxDelayNanos < minDelayNanos) {
      throw new IllegalArgumentException(
          "delay from %d to %d ns".formatted(minDelayNanos, maxDelayNanos));
    }
    if (reordering > 0 && maxDelayNanos == 0) {
      throw new IllegalArgumentException("frames are reordered by delay, and there is none");
    }
    if (queueBytes <= 0) {
      throw new IllegalArgumentException("a queue of %d bytes".formatted(queueBytes));
    }
  }

  private static void requireChance(String what, double chance) {
    if (!(chance >= 0 && chance <= 1)) {
      throw new IllegalArgumentException("chance of %s: %s".formatted(what, chance));
    }
  }

  /** This, with frames being lost. */
  public LinkFaults withLoss(double chance) {
    return new LinkFaults(
        chance, duplication, reordering, corruption, minDelayNanos, maxDelayNanos, queueBytes);
  }

  /** This, with frames arriving twice. */
  public LinkFaults withDuplication(double chance) {
    return new LinkFaults(
        loss, chance, reordering, corruption, minDelayNanos, maxDelayNanos, queueBytes);
  }

  /** This, with frames that stay behind; it takes a delay. */
  public LinkFaults withReordering(double chance) {
    return new LinkFaults(
        loss, duplication, chance, corruption, minDelayNanos, maxDelayNanos, queueBytes);
  }

  /** This, with frames being damaged. */
  public LinkFaults withCorruption(double chance) {
    return new LinkFaults(
        loss, duplication, reordering, chance, minDelayNanos, maxDelayNanos, queueBytes);
  }

  /** This, with frames being under way for some time. */
  public LinkFaults withDelayNanos(long min, long max) {
    return new LinkFaults(loss, duplication, reordering, corruption, min, max, queueBytes);
  }

  /** This, with so much room for what is under way. */
  public LinkFaults withQueueBytes(int bytes) {
    return new LinkFaults(
        loss, duplication, reordering, corruption, minDelayNanos, maxDelayNanos, bytes);
  }
}
