/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.security.SecureRandom;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.torvtl.onion.FlowKey;
import org.torvtl.onion.MessageType;
import org.torvtl.onion.OnionMessage;
import org.torvtl.onion.Router;
import org.torvtl.onion.RouterConfig;
import org.torvtl.onion.RouterHandler;
import org.torvtl.onion.Secret;

/** The cost of the worst message to a router of the onion network: a forged one. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class OnionMessageBenchmark {
  /** Bytes of the datagram: one of a full packet, and the longest there is. */
  @Param({"1532", "65507"})
  public int bytes;

  private final Router router =
      new Router(
          new RouterConfig(1, 1, Secret.draw(new SecureRandom()), null),
          new Quiet(),
          new SplittableRandom(4711),
          0);
  private ByteBuf datagram = Unpooled.EMPTY_BUFFER;

  /** Neither sends nor logs. */
  private static final class Quiet implements RouterHandler {
    @Override
    public void send(ByteBuf message) {
      message.release();
    }

    @Override
    public boolean sendToWorld(ByteBuf packet) {
      return false;
    }

    @Override
    public boolean hasWayOut() {
      return false;
    }

    @Override
    public int reservePort() {
      return -1;
    }

    @Override
    public int userOf(FlowKey flow) {
      return UNKNOWN_USER;
    }

    @Override
    public void releasePort(int port) {}

    @Override
    public void closed() {}

    @Override
    public void log(String line) {}
  }

  /** A message whose tag is wrong. */
  @Setup
  public void compose() {
    datagram = Unpooled.directBuffer(bytes).writeZero(bytes);
    datagram.setByte(0, OnionMessage.VERSION).setByte(1, MessageType.PACKET.code()).setShort(2, 1);
  }

  @Benchmark
  public Router forged() {
    router.receive(datagram, 1);
    return router;
  }
}
