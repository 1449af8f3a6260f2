/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.egress.Destination;
import org.torvtl.tor.socks.SocksClient;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.tor.socks.SocksReply;

/**
 * What the flags of Tor's SocksPort keep from guests. Each is named in the log once, with what to
 * do about it.
 *
 * <p>A lookup that the port does not allow fails like one of an unknown name. So when one fails
 * like that, Tor is asked whether its port refuses names or IPv4 ({@link SocksClient#refuses}): for
 * good if it does not, else again after a while. Where it does, no name is said to be unknown.
 *
 * <p>Flags that only choose between addresses cannot be asked for; they show in the answers. Any
 * event loop may call this.
 */
final class SocksPortFlags implements Lookups.PortCheck {
  private static final Logger log = LoggerFactory.getLogger(SocksPortFlags.class);

  /** Until a port that refuses is asked again: it may have been given other flags. */
  private static final Duration AGAIN = Duration.ofMinutes(1);

  /** No name of this kind exists: RFC 2606, section 2. It does not leave the proxy. */
  private static final Destination NAME = new Destination.Name("torvtl.invalid", 0);

  private static final Destination IPV4 = Destination.ofIpv4(0xC0000201, 0);

  /** What is said in the log. */
  private enum Finding {
    ONION_ONLY(
        "Tor's SOCKS port {} takes neither names nor IPv4, so guests have no network (fix: remove"
            + " OnionTrafficOnly from its SocksPort line)"),
    NO_NAMES(
        "Tor's SOCKS port {} refuses lookups, so guests' lookups fail (fix: remove NoDNSRequest from"
            + " its SocksPort line)"),
    NO_IPV4(
        "Tor's SOCKS port {} refuses IPv4, which is all that guests have, so their connections and"
            + " lookups fail (fix: remove NoIPv4Traffic from its SocksPort line)"),
    IPV6_FIRST(
        "Tor's SOCKS port {} gave an IPv6 address for a name, which guests cannot use. If its"
            + " SocksPort line has PreferIPv6, names that have both kinds of addresses have none"
            + " for guests (fix: remove PreferIPv6, or add a SocksPort without it)"),
    AUTOMAPPED(
        "Tor's SOCKS port {} gave a made-up address that guests cannot reach for a name (fix: set"
            + " AutomapHostsSuffixes to .onion, or AutomapHostsOnResolve to 0)");

    private final String text;

    Finding(String text) {
      this.text = text;
    }
  }

  private record Verdict(Future<Boolean> refuses, long askedNanos) {
    boolean isStale() {
      return refuses.isDone()
          && (!refuses.isSuccess() || refuses.getNow())
          && System.nanoTime() - askedNanos >= AGAIN.toNanos();
    }
  }

  private final SocksClient socks;
  private final AtomicReference<@Nullable Verdict> verdict = new AtomicReference<>();
  private final Set<Finding> said = ConcurrentHashMap.newKeySet();

  SocksPortFlags(SocksClient socks) {
    this.socks = socks;
  }

  /**
   * The outcome of a lookup. One that the port refused fails as "not allowed", and one that gave
   * what guests must not connect to as a general failure.
   */
  @Override
  public <T> Future<T> checked(EventLoop loop, Future<T> lookup) {
    Promise<T> checked = loop.newPromise();
    checked.addListener(done -> {
      if (done.isCancelled()) {
        lookup.cancel(false);
      }
    });
    lookup.addListener((Future<T> done) -> {
      if (done.isSuccess()) {
        pass(done.getNow(), checked);
      } else if (has(done.cause(), SocksReply.HOST_UNREACHABLE)) {
        refusesLookups(loop)
            .addListener((Future<Boolean> refuses) ->
                checked.tryFailure(
                    refuses.isSuccess() && refuses.getNow()
                        ? SocksException.refused(SocksReply.NOT_ALLOWED.code())
                        : done.cause()));
      } else {
        checked.tryFailure(done.cause());
      }
    });
    return checked;
  }

  /** A stream could not be opened: looks for the reason where it may be the port. */
  void streamFailed(EventLoop loop, Throwable cause) {
    if (has(cause, SocksReply.NOT_ALLOWED)) {
      var unused = refusesLookups(loop);
    }
  }

  private static boolean has(Throwable cause, SocksReply reply) {
    return cause instanceof SocksException.Refused refused && refused.reply() == reply;
  }

  private <T> void pass(T answer, Promise<T> checked) {
    if (answer instanceof InetAddress address) {
      // Of Tor's virtual addresses, only those of its standard networks can be told.
      boolean isVirtual = address.isLoopbackAddress() || address.isLinkLocalAddress();
      if (isVirtual) {
        say(Finding.AUTOMAPPED);
        checked.tryFailure(SocksException.refused(SocksReply.GENERAL_FAILURE.code()));
        return;
      }
      if (address instanceof Inet6Address) {
        say(Finding.IPV6_FIRST);
      }
    }
    checked.trySuccess(answer);
  }

  /** Whether no lookup can find an IPv4 address, by the port's flags. */
  private Future<Boolean> refusesLookups(EventLoop loop) {
    var known = verdict.get();
    if (known != null && !known.isStale()) {
      return known.refuses;
    }
    Promise<Boolean> refuses = loop.newPromise();
    var asked = new Verdict(refuses, System.nanoTime());
    if (!verdict.compareAndSet(known, asked)) {
      return refusesLookups(loop);
    }
    socks
        .refuses(loop, NAME)
        .addListener((Future<Boolean> names) ->
            socks
                .refuses(loop, IPV4)
                .addListener((Future<Boolean> addresses) -> conclude(names, addresses, refuses)));
    return refuses;
  }

  private void conclude(
      Future<Boolean> names, Future<Boolean> addresses, Promise<Boolean> refuses) {
    if (!names.isSuccess() || !addresses.isSuccess()) {
      refuses.setFailure(names.isSuccess() ? addresses.cause() : names.cause());
      return;
    }
    if (names.getNow() && addresses.getNow()) {
      say(Finding.ONION_ONLY);
    } else if (names.getNow()) {
      say(Finding.NO_NAMES);
    } else if (addresses.getNow()) {
      say(Finding.NO_IPV4);
    }
    refuses.setSuccess(names.getNow() || addresses.getNow());
  }

  private void say(Finding finding) {
    if (said.add(finding)) {
      log.warn(finding.text, SocksException.text(socks.proxy()));
    }
  }
}
