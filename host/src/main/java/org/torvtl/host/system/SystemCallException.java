/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.system;

import java.io.IOException;

/** A system call failed. The message says what was tried, the system's word for it, and a fix. */
public final class SystemCallException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  /**
   * @param what what was tried and on what, such as {@code cannot open tap0}
   * @param errno the error number, positive
   * @param fix what to do about it; empty where there is nothing to say
   */
  public SystemCallException(String what, int errno, String fix) {
    super(what + ": " + Libc.message(errno) + (fix.isEmpty() ? "" : " (" + fix + ")"));
    this.errno = errno;
  }

  /** The error number, positive. */
  public int errno() {
    return errno;
  }
}
