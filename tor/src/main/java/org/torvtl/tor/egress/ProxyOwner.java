/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.socket.InetDiag;
import org.torvtl.host.socket.UnixSockets;
import org.torvtl.tor.socks.PeerCheck;

/**
 * The user that has a proxy of this host, as it was at the start. When that proxy ends, any local
 * process may take its port: such a process gets no byte.
 *
 * <p><b>Unix domain socket</b>: the kernel keeps the listener's user with each connection
 * (SO_PEERCRED), so one system call settles it.
 *
 * <p><b>TCP</b>: a connection does not tell who has it before it is accepted, and a look at the
 * listener alone would race with one that accepts and goes. So there are two looks, each a question
 * for one socket ({@link InetDiag}), together four system calls for a connection: at the listener
 * before the greeting, and at the socket that was accepted once the greeting is answered, before
 * username, password and request. The two users may differ: Tor opens its ports as root before it
 * becomes the user who accepts.
 *
 * <p>What cannot be found out is not passed. Another process of the same user passes.
 */
public final class ProxyOwner implements PeerCheck, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ProxyOwner.class);
  private static final byte[] GREETING = {5, 1, 2};
  private static final long NONE = -1;
  private static final int LOOK_MILLIS = 20;

  private final SocketAddress proxy;
  private final int listener;
  private final int acceptor;
  private final Map<Thread, InetDiag> questions = new ConcurrentHashMap<>();

  /** The user that was last told of as a stranger, 32 bits without sign, or {@link #NONE}. */
  private final AtomicLong stranger = new AtomicLong(NONE);

  /** For a thread that has no descriptor left for its own: that says nothing about the proxy. */
  private final @Nullable InetDiag spare;

  private ProxyOwner(SocketAddress proxy, int listener, int acceptor, @Nullable InetDiag spare) {
    this.proxy = proxy;
    this.spare = spare;
    this.listener = listener;
    this.acceptor = acceptor;
  }

  /** A proxy of our own, at a Unix domain socket: its user is known. */
  public static ProxyOwner of(UnixDomainSocketAddress proxy, int uid) {
    return new ProxyOwner(proxy, uid, uid, null);
  }

  /**
   * Connects to a proxy, and takes the user who accepts for its owner from now on.
   *
   * @param proxy an address of this host, or a Unix domain socket
   * @throws IOException if no process accepts a connection there within the time, or the kernel
   *     does not tell whose it is
   */
  public static ProxyOwner find(SocketAddress proxy, Duration timeout) throws IOException {
    return switch (proxy) {
      case UnixDomainSocketAddress unix -> of(unix, UnixSockets.listener(unix.getPath()));
      case InetSocketAddress inet -> find(inet, timeout);
      default -> throw new IllegalArgumentException("no address of a proxy: " + proxy);
    };
  }

  private static ProxyOwner find(InetSocketAddress proxy, Duration timeout) throws IOException {
    var diag = InetDiag.open();
    try {
      return find(proxy, timeout, diag);
    } catch (IOException | RuntimeException e) {
      diag.close();
      throw e;
    }
  }

  private static ProxyOwner find(InetSocketAddress proxy, Duration timeout, InetDiag diag)
      throws IOException {
    try (var socket = new Socket()) {
      socket.connect(proxy, Math.toIntExact(timeout.toMillis()));
      var here = new InetSocketAddress(socket.getLocalAddress(), socket.getLocalPort());
      var listener = diag.listener(proxy, here);
      if (listener.isEmpty()) {
        throw new IOException(
            "the kernel does not tell whose process listens there, so another could take its place unseen");
      }
      return new ProxyOwner(
          proxy, listener.getAsInt(), acceptor(diag, proxy, here, socket, timeout), diag);
    }
  }

  /** An answer to a greeting is the sign that a process has accepted; a slow one is looked for. */
  private static int acceptor(
      InetDiag diag,
      InetSocketAddress proxy,
      InetSocketAddress here,
      Socket socket,
      Duration timeout)
      throws IOException {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    socket.setSoTimeout(LOOK_MILLIS);
    socket.getOutputStream().write(GREETING);
    while (true) {
      boolean silent = false;
      try {
        var unused = socket.getInputStream().read();
      } catch (SocketTimeoutException e) {
        silent = true;
      }
      var acceptor = diag.acceptor(proxy, here);
      if (acceptor.isPresent()) {
        return acceptor.getAsInt();
      }
      if (!silent || System.nanoTime() - deadlineNanos > 0) {
        throw new IOException(
            silent ? "no process accepts connections there" : "it closed the connection at once");
      }
    }
  }

  /** The user whose process accepts connections, 32 bits without sign. */
  public int uid() {
    return acceptor;
  }

  @Override
  public boolean passesConnected(Channel channel) {
    try {
      return channel instanceof EpollDomainSocketChannel unix
          ? passes(listener, OptionalInt.of(unix.peerCredentials().uid()))
          : passes(listener, listenerOf(channel));
    } catch (IOException e) {
      return unknown(e);
    }
  }

  @Override
  public boolean passesGreeted(Channel channel) {
    try {
      return channel instanceof EpollDomainSocketChannel || passes(acceptor, acceptorOf(channel));
    } catch (IOException e) {
      return unknown(e);
    }
  }

  private OptionalInt listenerOf(Channel channel) throws IOException {
    var question = question();
    synchronized (question) {
      return question.listener(remote(channel), local(channel));
    }
  }

  private OptionalInt acceptorOf(Channel channel) throws IOException {
    var question = question();
    synchronized (question) {
      return question.acceptor(remote(channel), local(channel));
    }
  }

  private boolean passes(int expected, OptionalInt found) {
    if (found.isEmpty()) {
      // It has closed meanwhile.
      return false;
    }
    int uid = found.getAsInt();
    if (uid == expected) {
      if (stranger.get() != NONE && stranger.getAndSet(NONE) != NONE) {
        log.warn("the Tor proxy {} is that of user {} again", name(), text(expected));
      }
      return true;
    }
    if (stranger.getAndSet(Integer.toUnsignedLong(uid)) != Integer.toUnsignedLong(uid)) {
      log.warn(
          "a process of user {} listens at {} in place of the Tor proxy of user {}: it is sent"
              + " nothing, and connections fail (if that is meant, start torvtl again)",
          text(uid),
          name(),
          text(expected));
    }
    return false;
  }

  private boolean unknown(IOException e) {
    if (stranger.getAndSet(Long.MIN_VALUE) != Long.MIN_VALUE) {
      log.warn("{}; nothing is sent to the Tor proxy {}", e.getMessage(), name());
    }
    return false;
  }

  private String name() {
    return proxy instanceof InetSocketAddress inet
        ? NetUtil.toSocketAddressString(inet)
        : "unix:" + proxy;
  }

  private static String text(int uid) {
    return Integer.toUnsignedString(uid);
  }

  private static InetSocketAddress local(Channel channel) throws IOException {
    return address(channel.localAddress());
  }

  private static InetSocketAddress remote(Channel channel) throws IOException {
    return address(channel.remoteAddress());
  }

  private static InetSocketAddress address(SocketAddress address) throws IOException {
    if (address instanceof InetSocketAddress inet) {
      return inet;
    }
    throw new IOException("the connection has closed");
  }

  /** Each lane asks by a socket of its own, if it can. */
  private InetDiag question() throws IOException {
    var here = Thread.currentThread();
    var known = questions.get(here);
    if (known != null) {
      return known;
    }
    try {
      var own = InetDiag.open();
      questions.put(here, own);
      return own;
    } catch (IOException e) {
      if (spare == null) {
        throw e;
      }
      return spare;
    }
  }

  /** Closes what was opened to ask; not before the last connection is closed. */
  @Override
  public void close() {
    questions.values().forEach(InetDiag::close);
    questions.clear();
    if (spare != null) {
      spare.close();
    }
  }
}
