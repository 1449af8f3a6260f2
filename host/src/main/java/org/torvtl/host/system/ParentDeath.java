/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.system;

/** Ending together with the process that started this one, however that ends. prctl(2). */
public final class ParentDeath {
  private static final int PR_SET_PDEATHSIG = 1;
  private static final int SIGKILL = 9;

  private ParentDeath() {}

  /**
   * Has the kernel kill this process when the thread of the parent's that started it ends. Must be
   * called from a thread that lives as long as this process, and after the last change of its user:
   * the kernel forgets the wish with either.
   *
   * @param parent the process id of the parent
   * @return {@code false} if the parent is gone already, and nobody will be there to take this
   *     process along
   * @throws SystemCallException if the kernel refuses
   */
  public static boolean follow(long parent) throws SystemCallException {
    int result = Libc.prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (result < 0) {
      throw new SystemCallException(
          "cannot follow process " + parent + " into its end", -result, "");
    }
    // It may have ended before the wish was made.
    return Libc.getppid() == parent;
  }
}
