/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import java.util.function.ObjLongConsumer;

/**
 * Everything in the engine that can go wrong, counted. One instance serves all connections of one
 * event loop, which alone writes it; another thread that reads it sees values that may lag.
 */
public final class TcpCounters {
  long opened;
  long established;
  long retransmits;
  long fastRecoveries;
  long timeouts;
  long tailProbes;
  long spuriousRecoveries;
  long duplicatesReported;
  long windowProbes;
  long keepAlives;
  long packetsTooLarge;
  long challengeAcks;
  long challengeAcksSuppressed;
  long outOfWindow;
  long outOfOrder;
  long duplicateData;
  long pawsRejected;
  long overtakenAcks;
  long badAcknowledgments;
  long badSackBlocks;
  long missingAck;
  long droppedByBound;
  long droppedForMemory;
  long reneged;
  long heldIgnored;
  long resetsReceived;
  long resetsSent;
  long dataAfterClose;
  long gaveUp;

  /** Gives every counter to {@code sink} with its name, always in the same order. */
  public void forEach(ObjLongConsumer<String> sink) {
    sink.accept("opened", opened);
    sink.accept("established", established);
    sink.accept("retransmits", retransmits);
    sink.accept("fast_recoveries", fastRecoveries);
    sink.accept("timeouts", timeouts);
    sink.accept("tail_probes", tailProbes);
    sink.accept("spurious_recoveries", spuriousRecoveries);
    sink.accept("duplicates_reported", duplicatesReported);
    sink.accept("window_probes", windowProbes);
    sink.accept("keep_alives", keepAlives);
    sink.accept("packets_too_large", packetsTooLarge);
    sink.accept("challenge_acks", challengeAcks);
    sink.accept("challenge_acks_suppressed", challengeAcksSuppressed);
    sink.accept("out_of_window", outOfWindow);
    sink.accept("out_of_order", outOfOrder);
    sink.accept("duplicate_data", duplicateData);
    sink.accept("paws_rejected", pawsRejected);
    sink.accept("overtaken_acks", overtakenAcks);
    sink.accept("bad_acknowledgments", badAcknowledgments);
    sink.accept("bad_sack_blocks", badSackBlocks);
    sink.accept("missing_ack", missingAck);
    sink.accept("dropped_by_bound", droppedByBound);
    sink.accept("dropped_for_memory", droppedForMemory);
    sink.accept("reneged", reneged);
    sink.accept("held_ignored", heldIgnored);
    sink.accept("resets_received", resetsReceived);
    sink.accept("resets_sent", resetsSent);
    sink.accept("data_after_close", dataAfterClose);
    sink.accept("gave_up", gaveUp);
  }

  /** Connections made, either way. */
  public long opened() {
    return opened;
  }

  /** Handshakes completed. */
  public long established() {
    return established;
  }

  /** Segments sent again, for whatever reason. */
  public long retransmits() {
    return retransmits;
  }

  /** Times a loss was found by duplicate or selective acknowledgments. RFC 5681, 8985. */
  public long fastRecoveries() {
    return fastRecoveries;
  }

  /** Times the retransmission timer expired. */
  public long timeouts() {
    return timeouts;
  }

  /** Segments sent to draw an acknowledgment, lest the end of a flight be lost. RFC 8985, 7. */
  public long tailProbes() {
    return tailProbes;
  }

  /** Recoveries that turned out to be needless, and were undone. RFC 3522, 2883. */
  public long spuriousRecoveries() {
    return spuriousRecoveries;
  }

  /** Reports of the peer that it got something twice. RFC 2883. */
  public long duplicatesReported() {
    return duplicatesReported;
  }

  /** Probes sent into a closed window. */
  public long windowProbes() {
    return windowProbes;
  }

  /** Times an idle peer was asked whether it is still there. */
  public long keepAlives() {
    return keepAlives;
  }

  /** Times the path turned out to take smaller packets only. RFC 1191. */
  public long packetsTooLarge() {
    return packetsTooLarge;
  }

  /** Acknowledgments that answered a segment that looked forged or out of date. RFC 5961. */
  public long challengeAcks() {
    return challengeAcks;
  }

  /** Challenge acknowledgments, and SYN-ACKs asked for again, not sent: there had been enough. */
  public long challengeAcksSuppressed() {
    return challengeAcksSuppressed;
  }

  /** Segments dropped because they lay outside the window. */
  public long outOfWindow() {
    return outOfWindow;
  }

  /** Segments that arrived before one they should follow. */
  public long outOfOrder() {
    return outOfOrder;
  }

  /** Segments that brought bytes we had already. */
  public long duplicateData() {
    return duplicateData;
  }

  /** Segments dropped because their timestamp was old. RFC 7323, section 5. */
  public long pawsRejected() {
    return pawsRejected;
  }

  /** Acknowledgments without data dropped because their timestamp showed later ones to be here. */
  public long overtakenAcks() {
    return overtakenAcks;
  }

  /** Segments dropped because they acknowledged what we never sent, or long ago. RFC 5961. */
  public long badAcknowledgments() {
    return badAcknowledgments;
  }

  /** SACK blocks ignored because they named what was not under way, or were too many. */
  public long badSackBlocks() {
    return badSackBlocks;
  }

  /** Segments dropped because they carried no ACK where one is due. */
  public long missingAck() {
    return missingAck;
  }

  /** Segments whose payload was dropped because too many small ones were kept already. */
  public long droppedByBound() {
    return droppedByBound;
  }

  /** Segments whose payload was dropped because the account or the allocator had no room for it. */
  public long droppedForMemory() {
    return droppedForMemory;
  }

  /** How often all that a connection held out of order was given up, for memory was short. */
  public long reneged() {
    return reneged;
  }

  /** Segments ignored while the connection was held. */
  public long heldIgnored() {
    return heldIgnored;
  }

  /** Valid resets from the peer. */
  public long resetsReceived() {
    return resetsReceived;
  }

  /** Resets sent by connections. */
  public long resetsSent() {
    return resetsSent;
  }

  /** Connections reset because data came after the owner had closed. */
  public long dataAfterClose() {
    return dataAfterClose;
  }

  /** Connections ended because the peer no longer answered. */
  public long gaveUp() {
    return gaveUp;
  }
}
