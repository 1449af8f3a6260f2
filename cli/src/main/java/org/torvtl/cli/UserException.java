/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

/** Something a user can mend. The message is all they see: what happened, to what, what to do. */
final class UserException extends Exception {
  private static final long serialVersionUID = 1L;

  UserException(String message) {
    super(message);
  }

  UserException(String message, Throwable cause) {
    super(message, cause);
  }
}
