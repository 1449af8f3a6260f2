/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.util.function.ObjLongConsumer;

/** What the flows of a lane have done. Other threads may read a moment late. */
public final class FlowCounters {
  /** Connections guests asked for. */
  public long requested;

  /** Of those: answered with yes, answered with no, and given up by the guest before. */
  public long opened, refused, abandoned;

  /** Open flows that came to their end in both directions. */
  public long ended;

  /** Open flows the guest reset, and those whose guest no longer answers. */
  public long resetByGuest, guestVanished;

  /** Open flows cut because their stream broke off. */
  public long streamLost;

  /** Open flows cut because the egress was gone when their stream ended. */
  public long egressLost;

  /** Flows ended by the guest alone, whose far end had spoken last and said no more. */
  public long endedByGuest;

  /** Half-closed flows cut because the far end gave no answer for too long. */
  public long silent;

  /** Half-closed flows ended as uploads, whose far ends had nothing to say. */
  public long uploads;

  /** Open flows evicted to make room for others. */
  public long madeRoom;

  /** Flows cut because handling them failed: a defect of the gateway. */
  public long failed;

  /** Flows cut because the gateway was closed. */
  public long shutDown;

  /** Streams closed because the egress did not take the last bytes of a guest that is gone. */
  public long undrained;

  /** Payload from guests, and from the egress. */
  public long bytesOut, bytesIn;

  /** Payload of those that was dropped: the side it was for is gone. */
  public long discardedBytesOut, discardedBytesIn;

  /** Payload from guests that waits for the egress to take it, at this moment. */
  public long waitingBytesOut;

  /** Payload from the egress that waits for guests to acknowledge it, at this moment. */
  public long waitingBytesIn;

  /**
   * Requests left without an answer: the egress could not be asked for want of a descriptor, a port
   * or memory, or since it was busy.
   */
  public long exhausted;

  /** Flows cut since their guest, or all together, held more memory than they may. */
  public long cutForMemory;

  /** Gives every counter to {@code sink} with its name, always in the same order. */
  public void forEach(ObjLongConsumer<String> sink) {
    sink.accept("requested", requested);
    sink.accept("opened", opened);
    sink.accept("refused", refused);
    sink.accept("abandoned", abandoned);
    sink.accept("ended", ended);
    sink.accept("reset_by_guest", resetByGuest);
    sink.accept("guest_vanished", guestVanished);
    sink.accept("stream_lost", streamLost);
    sink.accept("egress_lost", egressLost);
    sink.accept("ended_by_guest", endedByGuest);
    sink.accept("silent", silent);
    sink.accept("uploads", uploads);
    sink.accept("made_room", madeRoom);
    sink.accept("failed", failed);
    sink.accept("shut_down", shutDown);
    sink.accept("undrained", undrained);
    sink.accept("bytes_out", bytesOut);
    sink.accept("bytes_in", bytesIn);
    sink.accept("discarded_bytes_out", discardedBytesOut);
    sink.accept("discarded_bytes_in", discardedBytesIn);
    sink.accept("waiting_bytes_out", waitingBytesOut);
    sink.accept("waiting_bytes_in", waitingBytesIn);
    sink.accept("exhausted", exhausted);
    sink.accept("cut_for_memory", cutForMemory);
  }
}
