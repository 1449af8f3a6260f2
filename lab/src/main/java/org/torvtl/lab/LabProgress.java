/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

/** Is told how far the start of a lab has come. */
@FunctionalInterface
public interface LabProgress {
  /**
   * One more step.
   *
   * @param fraction from 0 to 1, never less than the time before
   * @param text what is going on, a few words
   */
  void report(double fraction, String text);
}
