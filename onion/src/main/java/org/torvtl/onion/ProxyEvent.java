/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.util.List;

/** What a proxy tells about its routers. Routers are numbered from 1. */
public sealed interface ProxyEvent {
  /**
   * A router carries packets now.
   *
   * @param pid its process id
   * @param exitAddress its own address in the world, network byte order; 0 if it has no way there
   */
  record RouterUp(int router, long pid, int exitAddress) implements ProxyEvent {}

  /** The last router came up. */
  record AllUp() implements ProxyEvent {}

  /** Not all routers came up in time; these did not. */
  record StayedSilent(List<Integer> routers) implements ProxyEvent {}

  /**
   * A router does not answer any more; until it does, its flows go to the others.
   *
   * @param left how many are up still
   */
  record RouterSilent(int router, long pid, int left) implements ProxyEvent {}

  /** A router that was silent answers again. */
  record RouterBack(int router, long pid) implements ProxyEvent {}

  /**
   * A router's way to the world is gone, or there again.
   *
   * @param exitAddress as in {@link RouterUp}
   */
  record ExitChanged(int router, long pid, int exitAddress) implements ProxyEvent {}

  /**
   * A router is gone; its flows go to the others from now on.
   *
   * @param how it ended, such as {@code was killed by signal 9}
   * @param left how many are up still
   */
  record RouterGone(int router, long pid, String how, int left) implements ProxyEvent {}
}
