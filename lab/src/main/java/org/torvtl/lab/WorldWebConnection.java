/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpChunkedInput;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.stream.ChunkedInput;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** One client of {@link WorldWeb}; its requests are answered one after another. */
final class WorldWebConnection extends SimpleChannelInboundHandler<HttpObject> {
  /** As most servers spell it. GRUB 2.06 knows no other spelling. */
  private static final String CONTENT_LENGTH = "Content-Length", CONTENT_TYPE = "Content-Type";

  private static final long MOST_BYTES = 1L << 30;

  private @Nullable HttpRequest request;
  private MessageDigest digest = SampleBytes.newSha256();
  private long count;

  @Override
  protected void channelRead0(ChannelHandlerContext context, HttpObject message)
      throws IOException {
    if (message.decoderResult().isFailure()) {
      text(context, HttpResponseStatus.BAD_REQUEST, "this is no HTTP\n")
          .addListener(sent -> context.close());
      return;
    }
    if (message instanceof HttpRequest head) {
      request = head;
      digest = SampleBytes.newSha256();
      count = 0;
    }
    if (message instanceof HttpContent content) {
      count += content.content().readableBytes();
      digest.update(ByteBufUtil.getBytes(content.content()));
    }
    if (message instanceof LastHttpContent && request != null) {
      var whole = request;
      request = null;
      answer(context, whole);
    }
  }

  private void answer(ChannelHandlerContext context, HttpRequest whole) throws IOException {
    String path;
    try {
      path = URI.create(whole.uri()).getPath();
    } catch (IllegalArgumentException e) {
      path = null;
    }
    if (path == null) {
      text(context, HttpResponseStatus.BAD_REQUEST, "this is no URI\n");
    } else if (path.equals("/sink")) {
      sink(context, whole);
    } else if (!path.equals("/") && !path.startsWith("/bytes/") && !path.startsWith("/sha256/")) {
      text(context, HttpResponseStatus.NOT_FOUND, "Not here: " + path + "\n");
    } else if (!whole.method().equals(HttpMethod.GET)) {
      text(context, HttpResponseStatus.METHOD_NOT_ALLOWED, "GET\n");
    } else if (path.equals("/")) {
      root(context);
    } else {
      sample(context, path);
    }
  }

  private static void root(ChannelHandlerContext context) {
    var client = (InetSocketAddress) context.channel().remoteAddress();
    text(
        context,
        HttpResponseStatus.OK,
        """
        This is the world behind a private Tor network.
        You came from %s
        """
            .formatted(client.getAddress().getHostAddress()));
  }

  private void sink(ChannelHandlerContext context, HttpRequest whole) {
    if (whole.method().equals(HttpMethod.PUT) || whole.method().equals(HttpMethod.POST)) {
      var sum = HexFormat.of().formatHex(digest.digest());
      text(context, HttpResponseStatus.OK, count + " " + sum + "\n");
    } else {
      text(context, HttpResponseStatus.METHOD_NOT_ALLOWED, "PUT or POST\n");
    }
  }

  private static void sample(ChannelHandlerContext context, String path) throws IOException {
    String number = path.substring(path.lastIndexOf('/') + 1);
    if (!number.matches("\\d{1,10}") || Long.parseLong(number) > MOST_BYTES) {
      text(
          context,
          HttpResponseStatus.BAD_REQUEST,
          "a number from 0 to " + MOST_BYTES + " is needed\n");
      return;
    }
    long bytes = Long.parseLong(number);
    if (path.startsWith("/bytes/")) {
      bytes(context, bytes);
    } else {
      text(context, HttpResponseStatus.OK, SampleBytes.sha256(bytes) + "\n");
    }
  }

  private static void bytes(ChannelHandlerContext context, long bytes) {
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    response
        .headers()
        .set(CONTENT_TYPE, "application/octet-stream")
        .set(CONTENT_LENGTH, Long.toString(bytes));
    context.write(response);
    context.writeAndFlush(new HttpChunkedInput(new Sample(bytes)));
  }

  private static Future<Void> text(
      ChannelHandlerContext context, HttpResponseStatus status, String text) {
    var body = Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, body);
    response
        .headers()
        .set(CONTENT_TYPE, "text/plain; charset=utf-8")
        .set(CONTENT_LENGTH, Integer.toString(body.readableBytes()));
    return context.writeAndFlush(response);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    System.err.println("web: " + context.channel().remoteAddress() + ": " + cause);
    context.close();
  }

  /** The first bytes of {@link SampleBytes}, in pieces. */
  private static final class Sample implements ChunkedInput<ByteBuf> {
    private final long length;
    private final byte[] piece = new byte[64 << 10];
    private long done;

    Sample(long length) {
      this.length = length;
    }

    @Override
    public boolean isEndOfInput() {
      return done == length;
    }

    @Override
    public void close() {
      // There is nothing to release.
    }

    @Override
    @SuppressWarnings("deprecation") // the interface has it
    public @Nullable ByteBuf readChunk(ChannelHandlerContext context) {
      return readChunk(context.alloc());
    }

    @Override
    public @Nullable ByteBuf readChunk(ByteBufAllocator allocator) {
      int next = (int) Math.min(piece.length, length - done);
      if (next == 0) {
        return null;
      }
      SampleBytes.fill(piece, done);
      done += next;
      return allocator.buffer(next).writeBytes(piece, 0, next);
    }

    @Override
    public long length() {
      return length;
    }

    @Override
    public long progress() {
      return done;
    }
  }
}
