/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;

/**
 * What both ends of a flow have said so far, as far as it tells whether an answer is still to come
 * once the guest has ended its side.
 *
 * <p>On the wire the end of an upload, whose server waits for the connection to close, looks like
 * the end of a request, whose answer the guest waits for. Tor can tell a server the former only,
 * and an answer is lost then. So a flow is taken for an upload only where much was sent and the far
 * end has not said a word; what begins like a request of HTTP never is.
 */
final class Dialogue {
  /** More than this is no question. */
  static final int UPLOAD_BYTES = 64 << 10;

  /** FTP, and FTP over TLS. */
  private static final int FTP = 21, FTPS = 990;

  /** The reply code of a server's greeting: RFC 959, section 5.4. */
  private static final byte[] GREETING = {'2', '2', '0'};

  /** The longest of the methods in use, with the space behind it: PROPPATCH. RFC 4918. */
  private static final int LONGEST_METHOD = 10;

  private long sentBytes;
  private long receivedBytes;
  private boolean farEndSpokeLast;
  private boolean beginsLikeHttp;
  private boolean isControl;

  /**
   * @param port the flow's at the far end
   */
  Dialogue(int port) {
    isControl = port == FTP || port == FTPS;
  }

  /** The guest has sent something; not read from. */
  void guestSaid(ByteBuf data) {
    if (sentBytes == 0) {
      beginsLikeHttp = beginsWithMethod(data);
    }
    sentBytes += data.readableBytes();
    farEndSpokeLast = false;
  }

  /** The far end has sent something; not read from. */
  void farEndSaid(ByteBuf data) {
    if (receivedBytes == 0 && sentBytes == 0) {
      isControl |= beginsWithGreeting(data);
    }
    receivedBytes += data.readableBytes();
    farEndSpokeLast = true;
  }

  private static boolean beginsWithGreeting(ByteBuf data) {
    int from = data.readerIndex();
    return data.readableBytes() >= GREETING.length
        && data.getByte(from) == GREETING[0]
        && data.getByte(from + 1) == GREETING[1]
        && data.getByte(from + 2) == GREETING[2];
  }

  private static boolean beginsWithMethod(ByteBuf data) {
    for (int i = 0; i < Math.min(LONGEST_METHOD, data.readableBytes()); i++) {
      byte letter = data.getByte(data.readerIndex() + i);
      if (letter < 'A' || letter > 'Z') {
        return letter == ' ' && i > 0;
      }
    }
    return false;
  }

  boolean farEndSpokeLast() {
    return farEndSpokeLast;
  }

  /** Bytes from the guest, and from the far end. */
  long sentBytes() {
    return sentBytes;
  }

  long receivedBytes() {
    return receivedBytes;
  }

  /**
   * Whether this may be the connection where a guest and a server agree on other ones, that carry
   * files: one of FTP. A mail server greets alike.
   */
  boolean isControl() {
    return isControl;
  }

  /** Whether the guest began with what looks like a request of HTTP. */
  boolean beginsLikeHttp() {
    return beginsLikeHttp;
  }

  /** Whether the guest has sent a lot, to a far end that has not said a word. */
  boolean isUpload() {
    return receivedBytes == 0 && sentBytes > UPLOAD_BYTES && !beginsLikeHttp;
  }
}
