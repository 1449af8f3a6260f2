/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;

/** A connection on which a few bytes are said and heard, each with a deadline. For one thread. */
final class ProbeConnection implements Closeable {
  private static final int MOST_HEARD = 4096;

  private final SocketChannel channel;
  private final Selector selector;
  private boolean ended;

  private ProbeConnection(SocketChannel channel, Selector selector) {
    this.channel = channel;
    this.selector = selector;
  }

  /**
   * Connects.
   *
   * @throws IOException if that fails or takes longer than {@code timeout}
   */
  static ProbeConnection open(SocketAddress address, Duration timeout) throws IOException {
    var channel =
        address instanceof UnixDomainSocketAddress
            ? SocketChannel.open(StandardProtocolFamily.UNIX)
            : SocketChannel.open();
    try {
      var connection = new ProbeConnection(channel, Selector.open());
      connection.connect(address, timeout);
      return connection;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private void connect(SocketAddress address, Duration timeout) throws IOException {
    try {
      channel.configureBlocking(false);
      if (!channel.connect(address)) {
        channel.register(selector, SelectionKey.OP_CONNECT);
        if (selector.select(millis(timeout)) == 0 || !channel.finishConnect()) {
          throw new ConnectException("no answer within %d s".formatted(timeout.toSeconds()));
        }
        selector.selectedKeys().clear();
      }
      channel.register(selector, SelectionKey.OP_READ);
    } catch (IOException | RuntimeException e) {
      selector.close();
      throw e;
    }
  }

  /** Says what fits into an empty send buffer. */
  void say(byte[] bytes) throws IOException {
    if (channel.write(ByteBuffer.wrap(bytes)) < bytes.length) {
      throw new IOException("the send buffer is full");
    }
  }

  /**
   * What has come since the last call, at most 4096 bytes: once there are {@code wanted} bytes, or
   * the other end is heard, or the time is over.
   */
  byte[] hear(int wanted, Duration longest) {
    long deadlineNanos = System.nanoTime() + longest.toNanos();
    var heard = new ByteArrayOutputStream();
    var buffer = ByteBuffer.allocate(MOST_HEARD);
    while (true) {
      int n = read(buffer.clear());
      if (n > 0) {
        heard.write(buffer.array(), 0, n);
      }
      if (ended || heard.size() >= wanted || !isReadableBefore(deadlineNanos)) {
        return heard.toByteArray();
      }
    }
  }

  private int read(ByteBuffer buffer) {
    try {
      int n = channel.read(buffer);
      ended |= n < 0;
      return n;
    } catch (IOException e) {
      // A reset is an end as well.
      ended = true;
      return -1;
    }
  }

  private boolean isReadableBefore(long deadlineNanos) {
    long left = deadlineNanos - System.nanoTime();
    try {
      if (left <= 0 || selector.select(millis(Duration.ofNanos(left))) == 0) {
        return false;
      }
      selector.selectedKeys().clear();
      return true;
    } catch (IOException e) {
      ended = true;
      return false;
    }
  }

  /** Whether the other end has closed or reset the connection. */
  boolean hasEnded() {
    return ended;
  }

  /** At least one: zero would mean for ever. */
  private static long millis(Duration time) {
    return Math.max(1, time.toMillis());
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      selector.close();
    }
  }
}
