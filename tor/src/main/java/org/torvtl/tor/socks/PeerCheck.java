/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.Channel;

/**
 * Tells whether the process at the other end of a connection is the proxy. Called on the
 * connection's event loop; must not block.
 */
public interface PeerCheck {
  /** Takes every process for the proxy: for a proxy on another host, and for tests. */
  PeerCheck ANY =
      new PeerCheck() {
        @Override
        public boolean passesConnected(Channel channel) {
          return true;
        }

        @Override
        public boolean passesGreeted(Channel channel) {
          return true;
        }
      };

  /** Asked before the first byte is sent. The process may not have accepted the connection yet. */
  boolean passesConnected(Channel channel);

  /** Asked once the process has answered the greeting, before it gets anything of a stream. */
  boolean passesGreeted(Channel channel);
}
