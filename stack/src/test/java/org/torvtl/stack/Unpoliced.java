/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

/** For tests of something else than the time that guests get of a lane. */
final class Unpoliced {
  private Unpoliced() {}

  /** One of a lane so much faster than the nominal costs that no share of it is used up. */
  static WorkPolicer policer() {
    return new WorkPolicer(0, 0, 1_000_000_000);
  }
}
