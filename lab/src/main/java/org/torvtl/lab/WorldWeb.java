/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerExpectContinueHandler;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.stream.ChunkedWriteHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/**
 * The web server of the lab's world, HTTP/1.1 (RFC 9112):
 *
 * <ul>
 *   <li>{@code GET /}: a text with the line {@code You came from ADDRESS}
 *   <li>{@code GET /bytes/N}: the first N {@link SampleBytes}, up to 1 GiB
 *   <li>{@code GET /sha256/N}: their SHA-256
 *   <li>{@code PUT} or {@code POST /sink}: takes all, answers {@code COUNT SHA256}
 * </ul>
 */
final class WorldWeb implements AutoCloseable {
  /** A digest takes one of the threads seconds; other clients need not wait. */
  private static final int THREADS = 8;

  private static final int BACKLOG = 1024;

  private final EventLoopGroup group;
  private final Channel listener;

  private WorldWeb(EventLoopGroup group, Channel listener) {
    this.group = group;
    this.listener = listener;
  }

  static WorldWeb open(InetSocketAddress at) throws IOException {
    var group =
        new MultiThreadIoEventLoopGroup(
            THREADS, new DefaultThreadFactory("world-web", true), NioIoHandler.newFactory());
    var bound =
        new ServerBootstrap()
            .group(group)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    connection
                        .pipeline()
                        .addLast(
                            new HttpServerCodec(),
                            new HttpServerKeepAliveHandler(),
                            new HttpServerExpectContinueHandler(),
                            new ChunkedWriteHandler(),
                            new WorldWebConnection());
                  }
                })
            .bind(at)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      group.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException(
          "cannot listen on " + at + ": " + bound.cause().getMessage(), bound.cause());
    }
    return new WorldWeb(group, bound.channel());
  }

  InetSocketAddress address() {
    return (InetSocketAddress) listener.localAddress();
  }

  @Override
  public void close() {
    listener.close().awaitUninterruptibly();
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
