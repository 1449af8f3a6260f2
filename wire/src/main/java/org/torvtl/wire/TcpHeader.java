/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

/**
 * The fields of a TCP header besides ports and checksum, as values: a holder to be filled by hand
 * and written by {@link TcpSegment#compose}. It is reused from segment to segment, by one thread;
 * each field keeps its value until it is set again. A new one is all zeros, without options. RFC
 * 9293, section 3.1.
 */
public final class TcpHeader {
  private int sequence;
  private int acknowledgment;
  private int flags;
  private int window;
  private TcpOptions options;

  /** A header with options of its own, to be filled through {@link #options()}. */
  public TcpHeader() {
    this(new TcpOptions());
  }

  /** A header with the given options, as {@link #options(TcpOptions)}. */
  public TcpHeader(TcpOptions options) {
    this.options = options;
  }

  /** Sequence number of the first byte of payload, or of SYN where it is set. */
  public int sequence() {
    return sequence;
  }

  /** Sets the sequence number, as on the wire: 32 bits. */
  public TcpHeader sequence(int number) {
    sequence = number;
    return this;
  }

  /** Acknowledgment number; it means something only with {@link TcpSegment#ACK}. */
  public int acknowledgment() {
    return acknowledgment;
  }

  /** Sets the acknowledgment number, as on the wire: 32 bits; 0 without {@link TcpSegment#ACK}. */
  public TcpHeader acknowledgment(int number) {
    acknowledgment = number;
    return this;
  }

  /** The flags: an OR of {@link TcpSegment#FIN} and the others. */
  public int flags() {
    return flags;
  }

  /** Sets all flags: an OR of {@link TcpSegment#FIN} and the others. */
  public TcpHeader flags(int flags) {
    this.flags = flags;
    return this;
  }

  /** Whether all of the given flags are set. */
  public boolean has(int flags) {
    return (this.flags & flags) == flags;
  }

  /** The window field, 0 to 65535, already scaled. RFC 7323, section 2.3. */
  public int window() {
    return window;
  }

  /** Sets the window field, 0 to 65535, already scaled. */
  public TcpHeader window(int field) {
    window = field;
    return this;
  }

  /** The options: the holder itself, to be read or filled. */
  public TcpOptions options() {
    return options;
  }

  /** Sets the options. The holder is not copied: what changes in it changes in the header. */
  public TcpHeader options(TcpOptions options) {
    this.options = options;
    return this;
  }
}
