/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

/**
 * Username and password for a SOCKS proxy, 1 to 255 bytes each: RFC 1929, section 2. For Tor they
 * are the isolation key: streams with different credentials never share a circuit.
 *
 * <p>Both are printable ASCII, so that what Tor's control port shows of them is what was sent. A
 * username may not begin with {@code <torS0X>}, which Tor reserves, other than {@code <torS0X>0}.
 */
public record SocksCredentials(String username, String password) {
  private static final String RESERVED_PREFIX = "<torS0X>";
  private static final String ISOLATION_USERNAME = RESERVED_PREFIX + "0";
  private static final int MAX_BYTES = 255;

  public SocksCredentials {
    requireField("username", username);
    requireField("password", password);
    if (username.startsWith(RESERVED_PREFIX) && !username.equals(ISOLATION_USERNAME)) {
      throw new IllegalArgumentException(
          "Tor refuses a SOCKS username that begins with " + RESERVED_PREFIX);
    }
  }

  /**
   * The credentials that mean isolation and nothing else to Tor.
   *
   * @param key the isolation key, 1 to 255 characters of printable ASCII
   */
  public static SocksCredentials isolation(String key) {
    return new SocksCredentials(ISOLATION_USERNAME, key);
  }

  /** Without the password: who may read a log may not know which streams belong together. */
  @Override
  public String toString() {
    return "SocksCredentials[" + username + ", …]";
  }

  private static void requireField(String what, String value) {
    if (value.isEmpty() || value.length() > MAX_BYTES) {
      throw new IllegalArgumentException(
          "a SOCKS %s has 1 to 255 bytes, not %d".formatted(what, value.length()));
    }
    if (!value.chars().allMatch(c -> c >= ' ' && c <= '~')) {
      throw new IllegalArgumentException("a SOCKS %s is printable ASCII here".formatted(what));
    }
  }
}
