/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.EventLoop;
import org.torvtl.egress.Egress;

/**
 * What the flows of a lane have in common. Their clock is the loop's.
 *
 * @param paused flows that wait for memory
 * @param controls of the device
 * @param owner who runs the flows
 */
record FlowContext(
    EventLoop loop,
    Egress egress,
    FlowConfig config,
    FlowCounters counters,
    PausedFlows paused,
    ControlConnections controls,
    Owner owner) {

  /** Runs flows, and is told what goes wrong in them. */
  interface Owner {
    /** The flow wants {@link Flow#flush} to be called once this batch of frames is done. */
    void flushAtEndOfBatch(Flow flow);

    /** Handling something failed: a defect, or memory is out. */
    void failed(Throwable cause);

    /** The egress could not be asked for a stream, for want of something that may come back. */
    void exhausted(Throwable cause);
  }

  /** Nanoseconds of the loop's clock. */
  long now() {
    return loop.ticker().nanoTime();
  }
}
