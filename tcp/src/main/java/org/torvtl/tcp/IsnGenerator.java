/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Makes initial sequence numbers that grow with time and that nobody can guess who does not know
 * the secret. RFC 6528, section 3: a clock of 4 microseconds plus a keyed hash of the addresses and
 * ports.
 *
 * <p>Two hosts on one link may have the same IP address, or one may take the other's. So the hash
 * covers their hardware addresses too: with a connection of its own one would learn the numbers of
 * the other's.
 */
public final class IsnGenerator {
  /** Bytes of the secret. */
  public static final int SECRET_LENGTH = SipHash.KEY_LENGTH;

  private static final int NANOS_PER_TICK = 4_000;

  private final SipHash hash;

  /**
   * Makes a generator.
   *
   * @param secret {@link #SECRET_LENGTH} random bytes, new at each start of the program
   * @throws IllegalArgumentException if the length is another
   */
  public IsnGenerator(byte[] secret) {
    hash = new SipHash(secret);
  }

  /**
   * The numbers for a new connection over IPv4. For the same host, addresses and ports they grow
   * with the time, so that a connection that follows another is not mistaken for it.
   *
   * @param remoteHost tells hosts with the same IP address apart, such as a MAC address; 0 where
   *     there is one host only
   * @param nowNanos the time
   */
  public InitialNumbers next(
      long remoteHost,
      int localAddress,
      int localPort,
      int remoteAddress,
      int remotePort,
      long nowNanos) {
    long addresses = ((long) localAddress << 32) | (remoteAddress & 0xFFFF_FFFFL);
    long ports = ((long) localPort << 16) | remotePort;
    long word = hash.of(addresses, ports, remoteHost);
    return new InitialNumbers((int) (word + nowNanos / NANOS_PER_TICK), (int) (word >>> 32));
  }
}
