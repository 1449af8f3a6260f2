/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpSegment;

/**
 * A segment in a script: one to send, or what is expected of one that was sent. Sequence numbers
 * count from the first byte of data of their owner, so a SYN has -1. What is not set is, of a
 * segment to send, what a well-behaved guest would put there; of an expected one, not looked at.
 */
final class Seg {
  final int flags;
  @Nullable Integer sequence;
  @Nullable Integer acknowledgment;
  @Nullable Integer window;
  @Nullable Integer mss;
  @Nullable Integer scale;
  @Nullable Boolean sackPermitted;
  @Nullable Integer timestamp;
  @Nullable Integer echo;
  int length;
  @Nullable List<Integer> sack;

  private Seg(int flags) {
    this.flags = flags;
  }

  /** A SYN. */
  static Seg syn() {
    return new Seg(TcpSegment.SYN).seq(-1);
  }

  static Seg synAck() {
    return new Seg(TcpSegment.SYN | TcpSegment.ACK).seq(-1);
  }

  /** An acknowledgment without data, of everything before {@code acknowledgment}. */
  static Seg ack(int acknowledgment) {
    return new Seg(TcpSegment.ACK).ackOf(acknowledgment);
  }

  /** Data, with ACK. */
  static Seg data(int sequence, int length) {
    var segment = new Seg(TcpSegment.ACK).seq(sequence);
    segment.length = length;
    return segment;
  }

  /** Data marked urgent. */
  static Seg urgent(int sequence, int length) {
    var segment = new Seg(TcpSegment.ACK | TcpSegment.URG).seq(sequence);
    segment.length = length;
    return segment;
  }

  /** A FIN after so many bytes, with ACK. */
  static Seg fin(int sequence) {
    return new Seg(TcpSegment.ACK | TcpSegment.FIN).seq(sequence);
  }

  /** Data with a FIN behind it. */
  static Seg dataFin(int sequence, int length) {
    var segment = fin(sequence);
    segment.length = length;
    return segment;
  }

  static Seg rst(int sequence) {
    return new Seg(TcpSegment.RST).seq(sequence);
  }

  static Seg rstAck(int sequence) {
    return new Seg(TcpSegment.RST | TcpSegment.ACK).seq(sequence);
  }

  /** Any flags. */
  static Seg flags(int flags, int sequence) {
    return new Seg(flags).seq(sequence);
  }

  Seg seq(int number) {
    sequence = number;
    return this;
  }

  Seg ackOf(int number) {
    acknowledgment = number;
    return this;
  }

  /** The window field, as on the wire. */
  Seg win(int field) {
    window = field;
    return this;
  }

  Seg mss(int bytes) {
    mss = bytes;
    return this;
  }

  Seg wscale(int shift) {
    scale = shift;
    return this;
  }

  Seg sackOk(boolean permitted) {
    sackPermitted = permitted;
    return this;
  }

  Seg ts(int value, int echoed) {
    timestamp = value;
    echo = echoed;
    return this;
  }

  /** SACK blocks: left, right, left, right; none at all for an expected segment without. */
  Seg sack(Integer... edges) {
    sack = new ArrayList<>(List.of(edges));
    return this;
  }

  /**
   * Whether {@code actual}, in which everything is set, is as this one asks. PSH does not matter.
   */
  boolean matches(Seg actual) {
    return (flags & ~TcpSegment.PSH) == (actual.flags & ~TcpSegment.PSH)
        && length == actual.length
        && agrees(sequence, actual.sequence)
        && agrees(acknowledgment, actual.acknowledgment)
        && agrees(window, actual.window)
        && agrees(mss, actual.mss)
        && agrees(scale, actual.scale)
        && agrees(sackPermitted, actual.sackPermitted)
        && agrees(timestamp, actual.timestamp)
        && agrees(echo, actual.echo)
        && agrees(sack, actual.sack);
  }

  private static boolean agrees(@Nullable Object wanted, @Nullable Object actual) {
    return wanted == null || Objects.equals(wanted, actual);
  }

  @Override
  public String toString() {
    var text = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (((flags >>> i) & 1) != 0 && 1 << i != TcpSegment.PSH) {
        text.append("FSRPAUEC".charAt(i));
      }
    }
    text.append(" seq ").append(sequence).append(" len ").append(length);
    append(text, " ack ", acknowledgment);
    append(text, " win ", window);
    append(text, " mss ", mss);
    append(text, " wscale ", scale);
    append(text, " sackOK ", sackPermitted);
    append(text, " TS ", timestamp);
    append(text, " ecr ", echo);
    append(text, " sack ", sack);
    return text.toString();
  }

  private static void append(StringBuilder text, String name, @Nullable Object value) {
    if (value != null) {
      text.append(name).append(value);
    }
  }
}
