/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.function.LongUnaryOperator;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.TcpConnection;

/**
 * Decides before a packet of no established connection is worked on whether there is time for it:
 * {@link WorkPolicer} for the guest's share, {@link BacklogShedder} for the age of the queue.
 */
final class Admission {
  private final StackCounters counters;
  private final LongUnaryOperator owners;
  private final WorkPolicer policer;
  private final BacklogShedder backlog = new BacklogShedder();

  /**
   * An admission to a lane.
   *
   * @param owners who a guest belongs to, by its MAC address
   */
  Admission(StackCounters counters, LongUnaryOperator owners, WorkPolicer policer) {
    this.counters = counters;
    this.owners = owners;
    this.policer = policer;
  }

  /** A frame of a guest has come; what is asked until the next one is about this one. */
  void frame(long guest, long nowNanos) {
    policer.seen(owners.applyAsLong(guest), nowNanos);
    backlog.frame(nowNanos);
  }

  /** Whose share of a table the frame at hand counts for: its owner, or all newcomers. */
  long owner(long nowNanos) {
    return policer.owner(nowNanos);
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

  /**
   * Whether a segment of an established connection may be taken; a drop is counted, and TCP repeats
   * what was dropped. It pays for what the connection has sent since the one before: an
   * acknowledgment for the packets it acknowledges.
   *
   * @param advance bytes by which it carries the connection forward
   * @param overheadBytes {@link TcpConnection#overheadBytes}
   */
  boolean admitsSegment(long advance, long overheadBytes, long nowNanos) {
    if (advance == TcpConnection.WHOLE) {
      return true;
    }
    long costNanos = Math.max(WorkCost.segment(advance), WorkCost.sent(overheadBytes));
    return costNanos == 0 || admits(WorkPolicer.Kind.SEGMENT, costNanos, nowNanos);
  }

  private boolean admits(WorkPolicer.Kind kind, long costNanos, long nowNanos) {
    boolean admitted = policer.admit(kind, costNanos, nowNanos);
    if (!admitted) {
      counters.drop(Drop.OVER_SHARE);
    }
    return admitted;
  }
}
