/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Makes initial sequence numbers that grow with time and that nobody can guess who does not know
 * the secret. RFC 6528, section 3: a clock of 4 microseconds plus a keyed hash of the addresses and
 * ports. The hash is SipHash-2-4, a pseudorandom function made for short inputs.
 */
public final class IsnGenerator {
  /** Bytes of the secret. */
  public static final int SECRET_LENGTH = 16;

  private static final VarHandle LITTLE_ENDIAN =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int NANOS_PER_TICK = 4_000;
  private static final long INPUT_LENGTH = 2 * Long.BYTES;

  private final long key0;
  private final long key1;

  /**
   * Makes a generator.
   *
   * @param secret {@link #SECRET_LENGTH} random bytes, new at each start of the program
   * @throws IllegalArgumentException if the length is another
   */
  public IsnGenerator(byte[] secret) {
    if (secret.length != SECRET_LENGTH) {
      throw new IllegalArgumentException("the secret must be 16 bytes, not " + secret.length);
    }
    key0 = (long) LITTLE_ENDIAN.get(secret, 0);
    key1 = (long) LITTLE_ENDIAN.get(secret, Long.BYTES);
  }

  /**
   * The numbers for a new connection over IPv4. For the same addresses and ports they grow with the
   * time, so that a connection that follows another is not mistaken for it.
   *
   * @param nowNanos the time
   */
  public InitialNumbers next(
      int localAddress, int localPort, int remoteAddress, int remotePort, long nowNanos) {
    long addresses = ((long) localAddress << 32) | (remoteAddress & 0xFFFF_FFFFL);
    long ports = ((long) localPort << 16) | remotePort;
    long hash = sipHash(key0, key1, addresses, ports);
    return new InitialNumbers((int) (hash + nowNanos / NANOS_PER_TICK), (int) (hash >>> 32));
  }

  /** SipHash-2-4 of the 16 bytes of two little-endian words. */
  static long sipHash(long key0, long key1, long word0, long word1) {
    long[] v = {
      key0 ^ 0x736f6d6570736575L,
      key1 ^ 0x646f72616e646f6dL,
      key0 ^ 0x6c7967656e657261L,
      key1 ^ 0x7465646279746573L
    };
    absorb(v, word0);
    absorb(v, word1);
    absorb(v, INPUT_LENGTH << 56);
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
