/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.io.IOException;

/** Is told what a gateway loses, on one of its threads, which it must not block. */
@FunctionalInterface
public interface GatewayListener {
  /**
   * Nobody is served any more: the last device is gone, or memory is out. The gateway is to be
   * closed. Told once.
   */
  void failed(IOException cause);

  /**
   * A device is gone, and the others are served on. Its flows have been reset, its links are being
   * closed.
   *
   * @param device the device's name
   */
  default void deviceGone(String device, IOException cause) {}
}
