/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpSegment;

/** Tells what happens in a run, one line each, if anybody wants to know. */
final class Trace {
  private final Timeline timeline;
  private final @Nullable Consumer<String> sink;
  private final int sequenceBase;
  private final int acknowledgmentBase;
  private final TcpSegment view = new TcpSegment();

  /**
   * A trace of one direction.
   *
   * @param sequence initial sequence number of the end that sends
   * @param acknowledgment the other end's
   */
  Trace(Timeline timeline, @Nullable Consumer<String> sink, int sequence, int acknowledgment) {
    this.timeline = timeline;
    this.sink = sink;
    sequenceBase = sequence + 1;
    acknowledgmentBase = acknowledgment + 1;
  }

  void event(String who, String what) {
    if (sink != null) {
      line(who, what);
    }
  }

  void event(String who, String what, long number) {
    if (sink != null) {
      line(who, what + ' ' + number);
    }
  }

  /** A segment came to the end of the wire, or to grief on it. */
  void segment(String wire, String fate, ByteBuf bytes) {
    if (sink != null) {
      view.wrap(bytes, 0, bytes.readableBytes());
      var defect = view.defectBesidesChecksum();
      var text = defect == null ? describe() : defect + ", " + bytes.readableBytes() + " bytes";
      line(wire, fate.isEmpty() ? text : text + "  *** " + fate);
    }
  }

  /** The segment with numbers that count from the beginning of the two streams. */
  private String describe() {
    var text = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (((view.flags() >>> i) & 1) != 0) {
        text.append("FSRPAUEC".charAt(i));
      }
    }
    text.append(" seq ").append(view.sequence() - sequenceBase);
    if (view.has(TcpSegment.ACK)) {
      text.append(" ack ").append(view.acknowledgment() - acknowledgmentBase);
    }
    text.append(" win ").append(view.window()).append(" len ").append(view.payloadLength());
    var options = view.options();
    if (options.mss() != 0) {
      text.append(" mss ").append(options.mss());
    }
    if (options.windowScale() >= 0) {
      text.append(" wscale ").append(options.windowScale());
    }
    if (options.sackPermitted()) {
      text.append(" sackOK");
    }
    if (options.hasTimestamps()) {
      text.append(" ts ").append(options.timestampValue()).append('/');
      text.append(options.timestampEcho());
    }
    for (int i = 0; i < options.sackCount(); i++) {
      text.append(" sack ").append(options.sackLeft(i) - acknowledgmentBase);
      text.append(':').append(options.sackRight(i) - acknowledgmentBase);
    }
    return text.toString();
  }

  private void line(String who, String what) {
    if (sink != null) {
      sink.accept("%,14d µs  %-14s %s".formatted(timeline.elapsedNanos() / 1000, who, what));
    }
  }
}
