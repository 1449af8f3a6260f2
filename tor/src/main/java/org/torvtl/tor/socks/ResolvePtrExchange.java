/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.socksx.v5.Socks5AddressType;
import io.netty.handler.codec.socksx.v5.Socks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5CommandResponse;
import io.netty.util.concurrent.Promise;
import org.jspecify.annotations.Nullable;

/** RESOLVE_PTR: the bound name of the reply is the answer. */
final class ResolvePtrExchange extends SocksExchange.Request<String> {
  ResolvePtrExchange(
      SocksExchange.Proxy proxy,
      Socks5CommandRequest request,
      @Nullable SocksCredentials credentials,
      Promise<String> promise) {
    super(proxy, request, credentials, promise);
  }

  @Override
  void succeed(ChannelHandlerContext ctx, Socks5CommandResponse reply) {
    var name = reply.bndAddr();
    if (name == null || name.isEmpty() || !reply.bndAddrType().equals(Socks5AddressType.DOMAIN)) {
      malformed("no name where one was asked for", null);
      return;
    }
    promise().trySuccess(name);
    close(ctx.channel());
  }
}
