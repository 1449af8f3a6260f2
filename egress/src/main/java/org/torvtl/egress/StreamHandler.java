/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Is told what becomes of a stream, on its event loop. First comes {@link #opened} or {@link
 * #refused}, or {@link #failed}; nothing comes after {@link EgressStream#close}, but of one that
 * was open {@link #received} and {@link #lost}. No method may throw.
 */
public interface StreamHandler {
  /** The far end has accepted. */
  void opened();

  /** The stream could not be opened. */
  void refused(EgressException cause);

  /**
   * Bytes of the far end.
   *
   * @param data the handler's from now on
   */
  void received(ByteBuf data);

  /** What was asked for with {@link EgressStream#read} has come. */
  void readComplete();

  /** The far end sends no more, or the egress is gone: see {@link EgressStream#confirmEnd}. */
  void ended();

  /**
   * The stream is gone in both directions. May be told more than once, and after {@link #ended}.
   *
   * @param reason in a few words; null if it just closed
   */
  void lost(@Nullable String reason);

  /** Handling the stream failed: a defect, or memory is out. */
  void failed(Throwable cause);
}
