/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import java.io.IOException;

/** Routes that cannot be made as asked. The message says what, why, and what to do about it. */
public final class RouteException extends IOException {
  private static final long serialVersionUID = 1L;

  RouteException(String message) {
    super(message);
  }

  RouteException(String message, Throwable cause) {
    super(message, cause);
  }
}
