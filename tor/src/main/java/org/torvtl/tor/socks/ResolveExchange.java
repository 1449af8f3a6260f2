/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.socksx.v5.Socks5AddressType;
import io.netty.handler.codec.socksx.v5.Socks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5CommandResponse;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/** RESOLVE: the bound address of the reply is the answer. */
final class ResolveExchange extends SocksExchange.Request<InetAddress> {
  ResolveExchange(
      SocksExchange.Proxy proxy,
      Socks5CommandRequest request,
      @Nullable SocksCredentials credentials,
      Promise<InetAddress> promise) {
    super(proxy, request, credentials, promise);
  }

  @Override
  void succeed(ChannelHandlerContext ctx, Socks5CommandResponse reply) {
    var text = reply.bndAddr();
    var type = reply.bndAddrType();
    if (text == null
        || !(type.equals(Socks5AddressType.IPv4) || type.equals(Socks5AddressType.IPv6))) {
      malformed("no address where one was asked for", null);
      return;
    }
    promise().trySuccess(NetUtil.createInetAddressFromIpAddressString(text));
    close(ctx.channel());
  }
}
