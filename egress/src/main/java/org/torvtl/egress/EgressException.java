/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Why an egress did not do what it was asked for.
 *
 * <p>Without a stack trace: a guest can cause it at will, and the place is always the same.
 */
public abstract class EgressException extends IOException {
  /** One with a message for a person. */
  protected EgressException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  @Override
  public synchronized Throwable fillInStackTrace() {
    return this;
  }

  /** What to tell a guest whose stream was not opened. */
  public abstract Refusal refusal();

  /**
   * Whether nothing was asked for want of something that may be there in a moment. It says nothing
   * about the destination, nor that the egress is gone.
   */
  public final boolean isTemporary() {
    return refusal() == Refusal.NONE;
  }
}
