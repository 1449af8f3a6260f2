/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The worst segments for a full reassembly queue: 4096 pieces of one byte, as many as the largest
 * window allows. In this package since the queue is no one else's.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ReassemblyQueueBenchmark {
  private static final int PIECES = 4096;

  /** From one piece to the next, in bytes: 1 leaves no gaps. */
  @Param({"1", "2"})
  public int distance;

  private final ByteBuf octet = Unpooled.directBuffer(1).writeZero(1);
  private final ByteBuf all = Unpooled.directBuffer(2 * PIECES).writeZero(2 * PIECES);
  private ReassemblyQueue queue = new ReassemblyQueue(PIECES, PayloadAccount.UNLIMITED);

  @Setup
  public void fill() {
    queue = new ReassemblyQueue(PIECES, PayloadAccount.UNLIMITED);
    for (int i = 0; i < PIECES; i++) {
      queue.insert(1 + (long) i * distance, 2 + (long) i * distance, octet, 0, this::keep);
    }
  }

  @TearDown
  public void clear() {
    queue.clear();
  }

  private ByteBuf keep(ByteBuf payload, int index, int length) {
    return payload.retainedSlice(index, length);
  }

  /** The lowest byte again, with the search for what it is reported with. */
  @Benchmark
  public long lowestDuplicate() {
    return queue.insert(1, 2, octet, 0, this::keep) + queue.runStart(1) + queue.runEnd(1);
  }

  /** The highest byte again: without gaps its run begins at the other end. */
  @Benchmark
  public long highestDuplicate() {
    long last = 1 + (long) (PIECES - 1) * distance;
    return queue.insert(last, last + 1, octet, 0, this::keep)
        + queue.runStart(last)
        + queue.runEnd(last);
  }

  /** All bytes again, past every piece; in the gaps nothing fits any more. */
  @Benchmark
  public long segmentOverAll() {
    return queue.insert(1, 1 + (long) PIECES * distance, all, 0, this::keep);
  }
}
