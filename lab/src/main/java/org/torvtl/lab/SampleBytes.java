/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * An endless sequence of bytes, the same at every call, in which any two places differ: SplitMix64
 * of the number of the eight bytes, little endian. A test that loses, doubles or swaps a part of it
 * has another SHA-256.
 */
final class SampleBytes {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private SampleBytes() {}

  /**
   * Fills an array.
   *
   * @param into its length is a multiple of 8
   * @param offset the place in the sequence of its first byte, a multiple of 8
   */
  static void fill(byte[] into, long offset) {
    long number = offset >>> 3;
    for (int i = 0; i < into.length; i += 8) {
      long z = (number++ + 1) * 0x9E3779B97F4A7C15L;
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      LONG.set(into, i, z ^ (z >>> 31));
    }
  }

  /** Takes part of the sequence. */
  @FunctionalInterface
  interface Sink {
    void write(byte[] bytes, int offset, int length) throws IOException;
  }

  /** Writes the first {@code count} bytes, in pieces. */
  static void write(long count, Sink sink) throws IOException {
    var piece = new byte[64 * 1024];
    for (long done = 0; done < count; done += piece.length) {
      fill(piece, done);
      sink.write(piece, 0, (int) Math.min(piece.length, count - done));
    }
  }

  /** The SHA-256 of the first {@code count} bytes, in hexadecimal. */
  static String sha256(long count) throws IOException {
    var digest = newSha256();
    write(count, digest::update);
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Reads to the end and tells {@code <count> <sha256>}. */
  static String digest(InputStream in) throws IOException {
    var digest = newSha256();
    var piece = new byte[64 * 1024];
    long count = 0;
    for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
      digest.update(piece, 0, n);
      count += n;
    }
    return count + " " + HexFormat.of().formatHex(digest.digest());
  }

  static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
