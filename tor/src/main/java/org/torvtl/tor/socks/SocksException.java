/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.util.NetUtil;
import java.io.FileNotFoundException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.Refusal;
import org.torvtl.egress.socket.SocketErrors;

/**
 * Why a request to a SOCKS proxy failed. The cases are closed, so that a {@code switch} over them
 * is complete. Only {@link Refused} says something about the destination. Those that are
 * {@linkplain #isTemporary temporary} say that nothing was asked; all others that the proxy itself
 * is at fault or gone.
 */
public abstract sealed class SocksException extends EgressException {
  private SocksException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /**
   * What a proxy's reply with a code other than success means, for those who stand in for one.
   *
   * @param code 1 to 255
   */
  public static Refused refused(int code) {
    return new Refused(code);
  }

  @Override
  public Refusal refusal() {
    return switch (this) {
      case Refused refused ->
          switch (refused.reply()) {
            // An exit that is refused a connection mostly ends the stream with the reason MISC,
            // which arrives here as a general failure; only rarely does it say that it was refused.
            case CONNECTION_REFUSED, GENERAL_FAILURE -> Refusal.RESET;
            case NOT_ALLOWED -> Refusal.PROHIBITED;
            case NETWORK_UNREACHABLE -> Refusal.NETWORK_UNREACHABLE;
            default -> Refusal.HOST_UNREACHABLE;
          };
      case Exhausted _, ProxyBusy _ -> Refusal.NONE;
      // A proxy that answers too late means a remote end not heard from.
      case TimedOut _ -> Refusal.HOST_UNREACHABLE;
      case ProxyUnreachable _,
          ForeignPeer _,
          ProxyClosed _,
          MalformedReply _,
          MethodRefused _,
          CredentialsRefused _ ->
          Refusal.RESET;
    };
  }

  /** Whether there is no proxy, as far as this failure tells. */
  public boolean isProxyGone() {
    return this instanceof ProxyUnreachable || this instanceof ForeignPeer;
  }

  /** That a proxy could not be asked for want of something on this side, for those who play it. */
  public static Exhausted exhausted(SocketAddress proxy, String reason) {
    return new Exhausted(proxy, reason, null);
  }

  /** A proxy's address as messages have it. */
  public static String text(SocketAddress proxy) {
    return switch (proxy) {
      case InetSocketAddress inet -> NetUtil.toSocketAddressString(inet);
      case UnixDomainSocketAddress unix -> "unix:" + unix;
      default -> proxy.toString();
    };
  }

  /** The proxy understood the request and answered that it failed. */
  public static final class Refused extends SocksException {
    private final SocksReply reply;
    private final int code;

    Refused(int code) {
      super(
          "the SOCKS request failed: %s (code 0x%02X)"
              .formatted(SocksReply.ofCode(code).text(), code),
          null);
      this.reply = SocksReply.ofCode(code);
      this.code = code;
    }

    /** The meaning of the code. */
    public SocksReply reply() {
      return reply;
    }

    /** The code as on the wire, 1 to 255. */
    public int code() {
      return code;
    }
  }

  /** No connection to the proxy. */
  public static final class ProxyUnreachable extends SocksException {
    ProxyUnreachable(SocketAddress proxy, @Nullable Throwable cause) {
      super(
          "cannot reach the SOCKS proxy %s: %s (is Tor running, and is that its SocksPort?)"
              .formatted(text(proxy), reason(cause)),
          cause);
    }

    private static String reason(@Nullable Throwable cause) {
      return switch (cause) {
        case null -> "closed";
        case FileNotFoundException _ -> "no such socket";
        default -> SocketErrors.words(cause);
      };
    }
  }

  /**
   * No connection to the proxy: it is there, but has as many waiting as it may. Only a Unix domain
   * socket tells; at a TCP port it is waited.
   */
  public static final class ProxyBusy extends SocksException {
    /** EAGAIN, which connect(2) answers in place of waiting. Netty has it in the message only. */
    private static final String BACKLOG_FULL = "error(-11)";

    ProxyBusy(SocketAddress proxy, @Nullable Throwable cause) {
      super(
          "the SOCKS proxy %s is busy: it accepts connections more slowly than they come (it may"
                  .formatted(text(proxy))
              + " need more time, or net.core.somaxconn be raised)",
          cause);
    }

    private static boolean isCause(@Nullable Throwable cause) {
      return cause != null && String.valueOf(cause.getMessage()).contains(BACKLOG_FULL);
    }
  }

  /**
   * Another process than the proxy has its address. Nothing of a stream was sent to it: see {@link
   * PeerCheck}.
   */
  public static final class ForeignPeer extends SocksException {
    ForeignPeer(SocketAddress proxy) {
      super(
          "what listens at %s is not the SOCKS proxy of the start (is Tor still running?)"
              .formatted(text(proxy)),
          null);
    }
  }

  /**
   * No connection to the proxy: this process, or its kernel, has run out of descriptors, ports or
   * memory. It says nothing about the proxy, and may pass.
   */
  public static final class Exhausted extends SocksException {
    Exhausted(SocketAddress proxy, String reason, @Nullable Throwable cause) {
      super("cannot connect to the SOCKS proxy %s now: %s".formatted(text(proxy), reason), cause);
    }
  }

  /** Why no connection to the proxy came about. */
  static SocksException notConnected(SocketAddress proxy, @Nullable Throwable cause) {
    if (ProxyBusy.isCause(cause)) {
      return new ProxyBusy(proxy, cause);
    }
    var exhausted = SocketErrors.exhaustion(cause);
    return exhausted == null
        ? new ProxyUnreachable(proxy, cause)
        : new Exhausted(proxy, exhausted, cause);
  }

  /** The proxy closed or reset the connection before its reply. */
  public static final class ProxyClosed extends SocksException {
    ProxyClosed(SocketAddress proxy, @Nullable Throwable cause) {
      super(
          "the SOCKS proxy %s closed the connection before its reply%s (is Tor still running?)"
              .formatted(text(proxy), cause == null ? "" : ": " + SocketErrors.words(cause)),
          cause);
    }
  }

  /** What the proxy sent is not SOCKS5, or not an answer to what was asked. */
  public static final class MalformedReply extends SocksException {
    MalformedReply(SocketAddress proxy, String what, @Nullable Throwable cause) {
      super(
          "the SOCKS proxy %s sent %s (is that Tor's SocksPort?)".formatted(text(proxy), what),
          cause);
    }
  }

  /** The proxy did not finish its answer in time. */
  public static final class TimedOut extends SocksException {
    TimedOut(SocketAddress proxy, Duration timeout) {
      super(
          "the SOCKS proxy %s did not answer within %d ms (is Tor connected to its network?)"
              .formatted(text(proxy), timeout.toMillis()),
          null);
    }
  }

  /**
   * The proxy did not select the authentication method it was offered. With credentials this means
   * that it cannot isolate streams, so nothing was asked of it.
   */
  public static final class MethodRefused extends SocksException {
    MethodRefused(SocketAddress proxy, boolean withCredentials) {
      super(
          withCredentials
              ? "the SOCKS proxy %s does not take a username and password, so streams would not be isolated (use a Tor SocksPort with IsolateSOCKSAuth)"
                  .formatted(text(proxy))
              : "the SOCKS proxy %s demands authentication (give it credentials)"
                  .formatted(text(proxy)),
          null);
    }
  }

  /** The proxy did not accept the username and password. RFC 1929, section 2. */
  public static final class CredentialsRefused extends SocksException {
    CredentialsRefused(SocketAddress proxy) {
      super(
          "the SOCKS proxy %s did not accept the username and password".formatted(text(proxy)),
          null);
    }
  }
}
