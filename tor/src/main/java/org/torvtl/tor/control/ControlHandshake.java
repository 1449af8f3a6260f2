/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * What is said before AUTHENTICATE: PROTOCOLINFO, and the SAFECOOKIE challenge. Control-spec,
 * sections PROTOCOLINFO and AUTHCHALLENGE.
 */
final class ControlHandshake {
  static final int NONCE_BYTES = 32;

  private static final int COOKIE_BYTES = 32;
  private static final String SERVER_KEY =
      "Tor safe cookie authentication server-to-controller hash";
  private static final String CONTROLLER_KEY =
      "Tor safe cookie authentication controller-to-server hash";

  private final BufferedReader in;
  private final Writer out;
  private final byte[] nonce;

  /**
   * Over streams on which nothing has been said yet.
   *
   * @param nonce {@link #NONCE_BYTES} bytes nobody can foresee
   */
  ControlHandshake(BufferedReader in, Writer out, byte[] nonce) {
    this.in = in;
    this.out = out;
    this.nonce = nonce.clone();
  }

  /** What Tor says about itself before authentication. */
  private record ProtocolInfo(Set<String> methods, @Nullable Path cookieFile) {}

  /** The bytes to say AUTHENTICATE with. */
  byte[] secret(ControlAuthentication authentication) throws IOException {
    var info = protocolInfo();
    return switch (authentication) {
      case ControlAuthentication.None() -> new byte[0];
      case ControlAuthentication.Password(String password) ->
          password.getBytes(StandardCharsets.UTF_8);
      case ControlAuthentication.Cookie(Path file) -> cookie(info, file);
      case ControlAuthentication.Offered() -> {
        if (info.methods.contains("NULL")) {
          yield new byte[0];
        }
        if (info.cookieFile == null) {
          throw new IOException(
              "Tor offers neither a cookie nor open access, only %s (give its password)"
                  .formatted(info.methods));
        }
        yield cookie(info, info.cookieFile);
      }
    };
  }

  private byte[] cookie(ProtocolInfo info, Path file) throws IOException {
    byte[] cookie = readCookie(file);
    if (info.methods.contains("SAFECOOKIE")) {
      return challenge(cookie, file);
    }
    if (info.methods.contains("COOKIE")) {
      return cookie;
    }
    throw new IOException(
        "Tor does not take a cookie, only %s (set CookieAuthentication 1)".formatted(info.methods));
  }

  private static byte[] readCookie(Path file) throws IOException {
    // Of another size it may be any file: a port that is not Tor's must not learn its content.
    long size = Files.size(file);
    if (size != COOKIE_BYTES) {
      throw new IOException(
          "%s is not a Tor cookie: it has %d bytes, not %d".formatted(file, size, COOKIE_BYTES));
    }
    return Files.readAllBytes(file);
  }

  private byte[] challenge(byte[] cookie, Path file) throws IOException {
    var hex = HexFormat.of();
    var reply = ask("AUTHCHALLENGE SAFECOOKIE " + hex.formatHex(nonce)).getLast();
    var fields = ControlLine.parse(reply, 1).fields();
    byte[] serverHash = bytes(fields.get("SERVERHASH"));
    byte[] serverNonce = bytes(fields.get("SERVERNONCE"));
    if (!MessageDigest.isEqual(serverHash, hmac(SERVER_KEY, cookie, nonce, serverNonce))) {
      throw new IOException(
          "whoever answers at the control port does not know the cookie in %s (is it that Tor's?)"
              .formatted(file));
    }
    return hmac(CONTROLLER_KEY, cookie, nonce, serverNonce);
  }

  private static byte[] bytes(@Nullable String hex) throws IOException {
    try {
      if (hex != null) {
        return HexFormat.of().parseHex(hex);
      }
    } catch (IllegalArgumentException e) {
      throw new IOException("Tor's AUTHCHALLENGE has an answer that is not hex", e);
    }
    throw new IOException("Tor's AUTHCHALLENGE has an incomplete answer");
  }

  private static byte[] hmac(String key, byte[]... parts) {
    try {
      var mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.US_ASCII), "HmacSHA256"));
      for (byte[] part : parts) {
        mac.update(part);
      }
      return mac.doFinal();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has HmacSHA256", e);
    }
  }

  private ProtocolInfo protocolInfo() throws IOException {
    Set<String> methods = Set.of();
    Path cookieFile = null;
    for (var line : ask("PROTOCOLINFO 1")) {
      if (line.startsWith("AUTH ")) {
        var fields = ControlLine.parse(line, 1).fields();
        methods = Set.of(fields.getOrDefault("METHODS", "").split(","));
        var file = fields.get("COOKIEFILE");
        if (file != null) {
          cookieFile =
              Path.of(
                  new String(file.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
        }
      }
    }
    return new ProtocolInfo(methods, cookieFile);
  }

  /** The lines of a good reply, without their status codes. */
  private List<String> ask(String command) throws IOException {
    out.write(command + "\r\n");
    out.flush();
    var lines = new ArrayList<String>();
    while (true) {
      var line = in.readLine();
      if (line == null) {
        throw new IOException("the connection was closed");
      }
      if (!line.matches("250[ -].*")) {
        throw new IOException("not Tor's answer to %s: %s".formatted(firstWord(command), line));
      }
      lines.add(line.substring(4));
      if (line.charAt(3) == ' ') {
        return lines;
      }
    }
  }

  private static String firstWord(String command) {
    return command.substring(0, command.indexOf(' '));
  }
}
