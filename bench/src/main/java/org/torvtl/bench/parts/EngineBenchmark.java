/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

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
 * Two TCP engines back to back in memory, on one thread and in virtual time: the cost of 1 MiB for
 * the sender and the receiver together, with the headers as bytes between them and no checksum.
 * With losses it is the scoreboard's and the reassembly queue's cost too.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class EngineBenchmark {
  private static final int MIB = 1 << 20;

  /** Bytes that leave at once: a packet's, or a super-segment's with offloads. */
  @Param({"1448", "64000"})
  public int segmentBytes;

  /** One in so many segments with data is lost; 0: none. */
  @Param({"0", "100"})
  public int lossOneIn;

  private final ByteBuf data = Unpooled.directBuffer(MIB).writeZero(MIB);
  private EnginePair pair = new EnginePair(1448, 0);

  @Setup
  public void open() {
    pair = new EnginePair(segmentBytes, lossOneIn);
  }

  @TearDown
  public void close() {
    pair.close();
  }

  @Benchmark
  public long mebibyte() {
    return pair.transfer(data);
  }
}
