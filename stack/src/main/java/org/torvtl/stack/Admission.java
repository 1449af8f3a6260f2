/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import org.torvtl.stack.StackCounters.Drop;

/**
 * Decides before a packet of no established connection is worked on whether there is time for it:
 * {@link WorkPolicer} for the guest's share, {@link BacklogShedder} for the age of the queue.
 */
final class Admission {
  private final StackCounters counters;
  private final WorkPolicer policer;
  private final BacklogShedder backlog = new BacklogShedder();

  Admission(StackCounters counters, WorkPolicer policer) {
    this.counters = counters;
    this.policer = policer;
  }

  /** A frame of a guest has come; what is asked until the next one is about this one. */
  void frame(long guest, long nowNanos) {
    policer.seen(guest, nowNanos);
    backlog.frame(nowNanos);
  }

  /** The device has no further frame. */
  void drained() {
    backlog.drained();
  }

  /** Whether a packet may be answered; if not, the drop is counted. */
  boolean admitsAnswer(long costNanos, long nowNanos) {
    return isFresh() && admits(WorkPolicer.Kind.ANSWER, costNanos, nowNanos);
  }

  /** Whether a segment may open a connection; if not, the drop is counted. */
  boolean admitsConnection(long nowNanos) {
    return isFresh() && admitsRequest(nowNanos);
  }

  private boolean isFresh() {
    backlog.isUnconnected();
    if (backlog.sheds()) {
      counters.drop(Drop.BACKLOG);
      return false;
    }
    return true;
  }

  /** Whether a packet that is answered may set off work of the egress; a drop is counted. */
  boolean admitsRequest(long nowNanos) {
    return admits(WorkPolicer.Kind.REQUEST, WorkCost.REQUEST, nowNanos);
  }

  /** Whether a segment of an established connection may be taken that does not carry it forward. */
  boolean admitsRepeated(long nowNanos) {
    return admits(WorkPolicer.Kind.ANSWER, WorkCost.REPEATED_SEGMENT, nowNanos);
  }

  private boolean admits(WorkPolicer.Kind kind, long costNanos, long nowNanos) {
    boolean admitted = policer.admit(kind, costNanos, nowNanos);
    if (!admitted) {
      counters.drop(Drop.OVER_SHARE);
    }
    return admitted;
  }
}
