/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress.socket;

import io.netty.channel.unix.Errors;
import java.net.ConnectException;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the failure of a socket says. */
public final class SocketErrors {
  private static final int ENOMEM = 12, ENFILE = 23, EMFILE = 24, ENOSPC = 28;
  private static final int EADDRNOTAVAIL = 99, ENOBUFS = 105;

  /**
   * EADDRNOTAVAIL: no port is free. ENOSPC of epoll_ctl(2): the user watches as many descriptors as
   * it may. EAGAIN is not among them: of a Unix socket it tells that the queue of the proxy is
   * full.
   */
  private static final Set<Integer> ERRORS =
      Set.of(ENOMEM, ENFILE, EMFILE, ENOSPC, EADDRNOTAVAIL, ENOBUFS);

  /** Netty has the number of a failed connect(2) in the message only. */
  private static final Pattern NUMBER = Pattern.compile("failed with error\\(-(\\d+)\\)");

  private SocketErrors() {}

  /**
   * What a failure says, without what Netty puts around the words of the system: the call and its
   * number in front, and the address behind.
   */
  public static String words(Throwable cause) {
    return String.valueOf(cause.getMessage())
        .replaceFirst("^\\w+\\(\\.\\.\\) failed with error\\(-\\d+\\): ", "")
        .replaceFirst(": \\S*/\\S+$", "");
  }

  /**
   * Tells by the error number of errno(3) whether a connection failed since this process or its
   * kernel has run out of something. That says nothing about the remote end.
   *
   * @return what happened and what to do; {@code null} if {@code cause} is another
   */
  public static @Nullable String exhaustion(@Nullable Throwable cause) {
    for (var each = cause; each != null; each = each.getCause()) {
      int number = number(each);
      if (ERRORS.contains(number)) {
        return each.getMessage() + advice(number);
      }
    }
    return null;
  }

  private static String advice(int number) {
    return switch (number) {
      case EMFILE -> " (raise ulimit -Hn, or LimitNOFILE= of the service)";
      case ENFILE -> " (raise fs.file-max)";
      case EADDRNOTAVAIL -> " (widen net.ipv4.ip_local_port_range)";
      default -> "";
    };
  }

  private static int number(Throwable cause) {
    if (cause instanceof Errors.NativeIoException error) {
      return -error.expectedErr();
    }
    // The one with the address behind the text has this one as its cause.
    if (cause.getClass() == ConnectException.class && cause.getMessage() != null) {
      var number = NUMBER.matcher(cause.getMessage());
      return number.find() ? Integer.parseInt(number.group(1)) : 0;
    }
    return 0;
  }
}
