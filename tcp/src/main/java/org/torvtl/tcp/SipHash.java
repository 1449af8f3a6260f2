/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** SipHash-2-4, a pseudorandom function for short inputs. Aumasson and Bernstein, 2012. */
public final class SipHash {
  /** Bytes of the key. */
  public static final int KEY_LENGTH = 16;

  private static final VarHandle LITTLE_ENDIAN =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final long key0;
  private final long key1;

  /**
   * The function of one key.
   *
   * @param key {@link #KEY_LENGTH} random bytes
   * @throws IllegalArgumentException if the length is another
   */
  public SipHash(byte[] key) {
    if (key.length != KEY_LENGTH) {
      throw new IllegalArgumentException("the key must be 16 bytes, not " + key.length);
    }
    key0 = (long) LITTLE_ENDIAN.get(key, 0);
    key1 = (long) LITTLE_ENDIAN.get(key, Long.BYTES);
  }

  /** The 64 bits for an input of whole words, each as 8 bytes, the lowest first. */
  public long of(long... words) {
    long[] v = {
      key0 ^ 0x736f6d6570736575L,
      key1 ^ 0x646f72616e646f6dL,
      key0 ^ 0x6c7967656e657261L,
      key1 ^ 0x7465646279746573L
    };
    for (long word : words) {
      absorb(v, word);
    }
    absorb(v, (long) words.length * Long.BYTES << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
      round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
  }

  private static void absorb(long[] v, long word) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
  }

  private static void round(long[] v) {
    v[0] += v[1];
    v[1] = Long.rotateLeft(v[1], 13) ^ v[0];
    v[0] = Long.rotateLeft(v[0], 32);
    v[2] += v[3];
    v[3] = Long.rotateLeft(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = Long.rotateLeft(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = Long.rotateLeft(v[1], 17) ^ v[2];
    v[2] = Long.rotateLeft(v[2], 32);
  }
}
