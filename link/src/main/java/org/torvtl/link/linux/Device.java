/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import io.netty.buffer.ByteBuf;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.Link;

/** An open descriptor that reads and writes one frame of an interface at a time. */
public sealed interface Device extends AutoCloseable permits TunDevice, PacketSocket {
  NetworkInterface networkInterface();

  Link.Medium medium();

  /** The descriptor, non-blocking. */
  int fd();

  /**
   * Whether a {@link VnetHeader} stands before each frame, both ways, and a frame that is read may
   * be up to 64 KiB long whatever the MTU.
   */
  boolean hasOffloads();

  /** Whether a frame that was read here belongs in another queue of the same interface. */
  default boolean isMisdirected(ByteBuf frame) {
    return false;
  }

  @Override
  void close();
}
