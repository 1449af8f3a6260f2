/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/** What the flyweights of this package share. */
final class Flyweights {
  /** Where a flyweight lies before it was wrapped around anything: every access fails. */
  static final ByteBuf NOWHERE = Unpooled.EMPTY_BUFFER;

  private Flyweights() {}
}
