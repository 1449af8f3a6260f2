/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.torvtl.onion.OnionCounters.Drop;

/**
 * What one end of a link between a proxy and a router knows of the other: a key in each direction,
 * how many messages went out, and which came in. docs/onion-protocol.md, section 4.
 */
final class SecurityAssociation {
  private static final String ALGORITHM = "HmacSHA256";
  private static final String PROXY_TO_ROUTER = "torvtl onion 1, proxy to router ";
  private static final String ROUTER_TO_PROXY = "torvtl onion 1, router to proxy ";

  private final int link;
  private final Mac outgoing;
  private final Mac incoming;
  private final ReplayWindow window = new ReplayWindow();
  private final OnionMessage message = new OnionMessage();
  private final byte[] tag = new byte[OnionMessage.TAG_LENGTH];
  private long sent;

  private SecurityAssociation(int link, Mac outgoing, Mac incoming) {
    this.link = link;
    this.outgoing = outgoing;
    this.incoming = incoming;
  }

  /** The proxy's end of the link to a router. */
  static SecurityAssociation ofProxy(int link, Secret secret) {
    return new SecurityAssociation(
        link, key(secret, PROXY_TO_ROUTER, link), key(secret, ROUTER_TO_PROXY, link));
  }

  /** The router's end. */
  static SecurityAssociation ofRouter(int link, Secret secret) {
    return new SecurityAssociation(
        link, key(secret, ROUTER_TO_PROXY, link), key(secret, PROXY_TO_ROUTER, link));
  }

  private static Mac key(Secret secret, String use, int link) {
    return mac(mac(secret.bytes()).doFinal((use + link).getBytes(StandardCharsets.US_ASCII)));
  }

  private static Mac mac(byte[] key) {
    try {
      var mac = Mac.getInstance(ALGORITHM);
      mac.init(new SecretKeySpec(key, ALGORITHM));
      return mac;
    } catch (GeneralSecurityException e) {
      throw new AssertionError("every Java platform has " + ALGORITHM, e);
    }
  }

  /**
   * A new message with room for a body of that length, which the caller fills in at {@link
   * OnionMessage#HEADER_LENGTH} and then gives to {@link #seal}.
   */
  ByteBuf compose(MessageType type, int circuit, int bodyLength) {
    int length = OnionMessage.OVERHEAD + bodyLength;
    ByteBuf buf = ByteBufAllocator.DEFAULT.directBuffer(length).setIndex(0, length);
    message.wrap(buf, 0, length).compose(type, link, circuit);
    return buf;
  }

  /** Numbers and authenticates a message; nothing in it may change any more. */
  ByteBuf seal(ByteBuf buf) {
    message.wrap(buf, 0, buf.readableBytes()).composeSequence(++sent);
    buf.setBytes(message.tagOffset(), tag(outgoing, message));
    return buf;
  }

  /**
   * Judges a message without a defect, on this link.
   *
   * @return why it must not be believed, or {@code null}
   */
  @Nullable Drop judge(OnionMessage arrived) {
    arrived.buffer().getBytes(arrived.tagOffset(), tag);
    if (!MessageDigest.isEqual(tag, tag(incoming, arrived))) {
      return Drop.MESSAGE_FORGED;
    }
    return window.accept(arrived.sequence()) ? null : Drop.MESSAGE_REPLAYED;
  }

  private static byte[] tag(Mac mac, OnionMessage over) {
    mac.update(over.buffer().nioBuffer(over.offset(), over.tagOffset() - over.offset()));
    return Arrays.copyOf(mac.doFinal(), OnionMessage.TAG_LENGTH);
  }
}
