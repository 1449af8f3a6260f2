/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;

/** A tor that could not be started or did not stay: the message is one line for the user. */
public final class TorException extends IOException {
  private static final long serialVersionUID = 1;

  /** With what happened, to what, and what to do. */
  public TorException(String message) {
    super(message);
  }
}
