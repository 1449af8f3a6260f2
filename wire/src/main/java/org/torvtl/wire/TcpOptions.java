/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * The options of one TCP segment, as values: a holder that is filled by reading a header or by
 * hand, and written to a header. It is reused from segment to segment and holds nothing of the
 * buffer it was read from.
 *
 * <p>Known are the maximum segment size (RFC 9293, section 3.7.1), window scale and timestamps (RFC
 * 7323), SACK-permitted and SACK (RFC 2018). Others are skipped, as RFC 9293, section 3.1 demands.
 */
public final class TcpOptions {
  /** The most bytes of options a header has room for. */
  public static final int MAX_LENGTH = 40;

  /** The most SACK blocks that fit a header without timestamps; with them it is one fewer. */
  public static final int MAX_SACK_BLOCKS = 4;

  /** What {@link #windowScale} answers when the option is absent. */
  public static final int NO_WINDOW_SCALE = -1;

  private static final int END = 0;
  private static final int NO_OPERATION = 1;
  private static final int MSS = 2;
  private static final int WINDOW_SCALE = 3;
  private static final int SACK_PERMITTED = 4;
  private static final int SACK = 5;
  private static final int TIMESTAMPS = 8;

  private static final int MSS_LENGTH = 4;
  private static final int WINDOW_SCALE_LENGTH = 3;
  private static final int SACK_PERMITTED_LENGTH = 2;
  private static final int SACK_BLOCK_LENGTH = 8;
  private static final int TIMESTAMPS_LENGTH = 10;

  private int mss;
  private int windowScale = NO_WINDOW_SCALE;
  private boolean sackPermitted;
  private boolean timestamps;
  private int timestampValue;
  private int timestampEcho;
  private int sackCount;
  private final int[] sackLeft = new int[MAX_SACK_BLOCKS];
  private final int[] sackRight = new int[MAX_SACK_BLOCKS];

  /** Makes every option absent. */
  public TcpOptions clear() {
    mss = 0;
    windowScale = NO_WINDOW_SCALE;
    sackPermitted = false;
    timestamps = false;
    timestampValue = 0;
    timestampEcho = 0;
    sackCount = 0;
    return this;
  }

  /** The maximum segment size in bytes, 1 to 65535, or 0 when the option is absent. */
  public int mss() {
    return mss;
  }

  /** Sets the maximum segment size in bytes, 1 to 65535; 0 makes the option absent. */
  public TcpOptions mss(int bytes) {
    mss = bytes;
    return this;
  }

  /** The shift count as sent, 0 to 255, or {@link #NO_WINDOW_SCALE}. Above 14 it counts as 14. */
  public int windowScale() {
    return windowScale;
  }

  /** Sets the shift count, or makes the option absent with {@link #NO_WINDOW_SCALE}. */
  public TcpOptions windowScale(int shift) {
    windowScale = shift;
    return this;
  }

  /** Whether SACK-permitted is present. */
  public boolean sackPermitted() {
    return sackPermitted;
  }

  /** Sets whether SACK-permitted is present. */
  public TcpOptions sackPermitted(boolean permitted) {
    sackPermitted = permitted;
    return this;
  }

  /** Whether the timestamps option is present. */
  public boolean hasTimestamps() {
    return timestamps;
  }

  /** TSval; 0 when the option is absent. */
  public int timestampValue() {
    return timestampValue;
  }

  /** TSecr; 0 when the option is absent. It means something only beside an ACK flag. */
  public int timestampEcho() {
    return timestampEcho;
  }

  /** Makes the timestamps option present with these values. */
  public TcpOptions timestamps(int value, int echo) {
    timestamps = true;
    timestampValue = value;
    timestampEcho = echo;
    return this;
  }

  /** How many SACK blocks there are, 0 to {@link #MAX_SACK_BLOCKS}. */
  public int sackCount() {
    return sackCount;
  }

  /** First sequence number of SACK block {@code index}. */
  public int sackLeft(int index) {
    return sackLeft[index];
  }

  /** The sequence number just after the last one of SACK block {@code index}. */
  public int sackRight(int index) {
    return sackRight[index];
  }

  /**
   * Adds a SACK block.
   *
   * @throws IndexOutOfBoundsException if there are {@link #MAX_SACK_BLOCKS} already
   */
  public TcpOptions addSack(int left, int right) {
    sackLeft[sackCount] = left;
    sackRight[sackCount] = right;
    sackCount++;
    return this;
  }

  /**
   * Reads the options in {@code length} bytes of {@code buf} from {@code offset}, after clearing.
   *
   * @return {@link Defect#BAD_OPTION} if a length is impossible, else {@code null}
   */
  @Nullable Defect read(ByteBuf buf, int offset, int length) {
    clear();
    int end = offset + length;
    int at = offset;
    while (at < end) {
      int kind = buf.getUnsignedByte(at);
      if (kind == END) {
        return null;
      }
      if (kind == NO_OPERATION) {
        at++;
        continue;
      }
      if (at + 1 >= end) {
        return Defect.BAD_OPTION;
      }
      int size = buf.getUnsignedByte(at + 1);
      if (size < 2 || at + size > end || !readOne(buf, at + 2, kind, size)) {
        return Defect.BAD_OPTION;
      }
      at += size;
    }
    return null;
  }

  private boolean readOne(ByteBuf buf, int at, int kind, int size) {
    switch (kind) {
      case MSS -> {
        if (size != MSS_LENGTH) {
          return false;
        }
        mss = buf.getUnsignedShort(at);
      }
      case WINDOW_SCALE -> {
        if (size != WINDOW_SCALE_LENGTH) {
          return false;
        }
        windowScale = buf.getUnsignedByte(at);
      }
      case SACK_PERMITTED -> {
        if (size != SACK_PERMITTED_LENGTH) {
          return false;
        }
        sackPermitted = true;
      }
      case SACK -> {
        int blocks = (size - 2) / SACK_BLOCK_LENGTH;
        if (blocks == 0 || blocks * SACK_BLOCK_LENGTH != size - 2 || blocks > MAX_SACK_BLOCKS) {
          return false;
        }
        sackCount = 0;
        for (int i = 0; i < blocks; i++) {
          int block = at + i * SACK_BLOCK_LENGTH;
          addSack(buf.getInt(block), buf.getInt(block + Integer.BYTES));
        }
      }
      case TIMESTAMPS -> {
        if (size != TIMESTAMPS_LENGTH) {
          return false;
        }
        timestamps(buf.getInt(at), buf.getInt(at + Integer.BYTES));
      }
      default -> {
        // Unknown options are skipped: RFC 9293, section 3.1, MUST-6.
      }
    }
    return true;
  }

  /** Bytes these options take in a header, padding included: a multiple of 4. */
  public int length() {
    return (mss != 0 ? MSS_LENGTH : 0)
        + (windowScale >= 0 ? 4 : 0)
        + (timestamps ? 12 : sackPermitted ? 4 : 0)
        + (sackCount > 0 ? 4 + sackCount * SACK_BLOCK_LENGTH : 0);
  }

  /**
   * Writes the options to {@code buf} from {@code offset}, each aligned to 4 bytes.
   *
   * @return the number of bytes written, which is {@link #length}
   * @throws IllegalStateException if they exceed {@link #MAX_LENGTH}
   */
  int write(ByteBuf buf, int offset) {
    if (length() > MAX_LENGTH) {
      throw new IllegalStateException("TCP options of " + length() + " bytes do not fit a header");
    }
    int at = offset;
    if (mss != 0) {
      buf.setInt(at, MSS << 24 | MSS_LENGTH << 16 | mss);
      at += 4;
    }
    if (timestamps) {
      // SACK-permitted takes the place of the padding, so that both need 12 bytes.
      int before =
          sackPermitted
              ? SACK_PERMITTED << 24 | SACK_PERMITTED_LENGTH << 16
              : NO_OPERATION << 24 | NO_OPERATION << 16;
      buf.setInt(at, before | TIMESTAMPS << 8 | TIMESTAMPS_LENGTH);
      buf.setInt(at + 4, timestampValue);
      buf.setInt(at + 8, timestampEcho);
      at += 12;
    } else if (sackPermitted) {
      buf.setInt(
          at,
          NO_OPERATION << 24 | NO_OPERATION << 16 | SACK_PERMITTED << 8 | SACK_PERMITTED_LENGTH);
      at += 4;
    }
    if (windowScale >= 0) {
      buf.setInt(
          at, NO_OPERATION << 24 | WINDOW_SCALE << 16 | WINDOW_SCALE_LENGTH << 8 | windowScale);
      at += 4;
    }
    if (sackCount > 0) {
      int size = 2 + sackCount * SACK_BLOCK_LENGTH;
      buf.setInt(at, NO_OPERATION << 24 | NO_OPERATION << 16 | SACK << 8 | size);
      at += 4;
      for (int i = 0; i < sackCount; i++) {
        buf.setInt(at, sackLeft[i]);
        buf.setInt(at + 4, sackRight[i]);
        at += SACK_BLOCK_LENGTH;
      }
    }
    return at - offset;
  }

  @Override
  public String toString() {
    var text = new StringBuilder("[");
    if (mss != 0) {
      text.append(" mss ").append(mss);
    }
    if (windowScale >= 0) {
      text.append(" wscale ").append(windowScale);
    }
    if (sackPermitted) {
      text.append(" sackOK");
    }
    if (timestamps) {
      text.append(" TS val ").append(Integer.toUnsignedString(timestampValue));
      text.append(" ecr ").append(Integer.toUnsignedString(timestampEcho));
    }
    for (int i = 0; i < sackCount; i++) {
      text.append(" sack ").append(Integer.toUnsignedString(sackLeft[i]));
      text.append(':').append(Integer.toUnsignedString(sackRight[i]));
    }
    return text.append(" ]").toString();
  }
}
