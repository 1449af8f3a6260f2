/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

/** Thrown when a run breaks a promise of the engine. */
final class Broken extends RuntimeException {
  private static final long serialVersionUID = 1;

  Broken(String message) {
    super(message);
  }

  /**
   * Throws unless the condition holds.
   *
   * @param promise what was promised and not kept, with the format specifiers {@code %s} only
   */
  @SuppressWarnings("AnnotateFormatMethod") // The annotation's library is not on the class path.
  static void unless(boolean condition, String promise, Object... details) {
    if (!condition) {
      throw new Broken(promise.formatted(details));
    }
  }
}
