/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.nio.file.Path;

/**
 * How to prove to Tor that one may control it. Control-spec, sections AUTHENTICATE, PROTOCOLINFO.
 */
public sealed interface ControlAuthentication {
  /** No proof: for a control port that asks for none. */
  record None() implements ControlAuthentication {}

  /** The password whose hash is Tor's {@code HashedControlPassword}. */
  record Password(String password) implements ControlAuthentication {
    @Override
    public String toString() {
      return "Password[…]";
    }
  }

  /** The content of Tor's cookie file. */
  record Cookie(Path file) implements ControlAuthentication {}

  /** What Tor itself offers: nothing if it asks for nothing, else the cookie file it names. */
  record Offered() implements ControlAuthentication {}
}
