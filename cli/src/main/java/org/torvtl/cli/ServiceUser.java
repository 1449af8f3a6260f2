/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import io.netty.channel.epoll.Epoll;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.ZoneId;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.user.Privileges;
import org.torvtl.host.user.User;

/**
 * The user that a command started by root goes on as, once what takes root is done. It may own
 * nothing and see nothing of this program's files, which may be in a home closed to others.
 */
final class ServiceUser {
  /** Who runs a tor on this system, as distributions name it; the last one owns nothing. */
  private static final List<String> USUAL = List.of("debian-tor", "tor", "_tor", "nobody");

  private ServiceUser() {}

  /**
   * Who that is.
   *
   * @param name the user's choice; null for the first that exists of the usual ones
   * @return null if we are not root, and so stay who we are
   */
  static @Nullable User choose(@Nullable String name) throws IOException, UserException {
    if (!Privileges.isRoot()) {
      if (name != null) {
        throw new UserException(
            "cannot become user " + name + ": not root (run as root, or leave --user out)");
      }
      return null;
    }
    for (var candidate : name == null ? USUAL : List.of(name)) {
      var user = User.named(candidate);
      if (user.isPresent()) {
        return user.get();
      }
    }
    throw new UserException(
        name == null
            ? "cannot give root away: no user "
                + String.join(", ", USUAL)
                + " here (name one by --user; --user root keeps root)"
            : "cannot become user " + name + ": no such user (name another by --user)");
  }

  /**
   * Readies this JVM to start programs when it is not root any more. To be called first of all:
   * picocli starts one to learn how wide the terminal is, and then it is too late.
   *
   * <p>The JVM's usual way is a helper program of the JDK, which the user may not be able to read.
   */
  static void prepareToStartPrograms() {
    System.setProperty("jdk.lang.Process.launchMechanism", "FORK");
  }

  private interface Becoming {
    void user(User user) throws IOException;
  }

  /**
   * Becomes the user for good.
   *
   * @throws UserException if that cannot be; the command must end then
   */
  static void become(User user) throws IOException, UserException {
    become(user, Privileges::become);
  }

  /**
   * Becomes the user for good, to whom no other process of that user can send a signal: a request
   * to end would open what is closed.
   *
   * @throws UserException if that cannot be; the command must end then
   */
  static void becomeAlone(User user) throws IOException, UserException {
    become(user, Privileges::becomeAlone);
  }

  private static void become(User user, Becoming becoming) throws IOException, UserException {
    loadWhatTheUserMayNotRead();
    try {
      becoming.user(user);
    } catch (IOException e) {
      throw new UserException(
          e.getMessage() + " (grant CAP_SETUID and CAP_SETGID, or keep root by --user root)", e);
    }
  }

  /** The JVM opens files when it first needs them; what is open stays so. */
  private static void loadWhatTheUserMayNotRead() throws IOException {
    // To find out that none has this, the class loader opens every jar of the class path.
    var nowhere = ServiceUser.class.getClassLoader().getResource("in/no/jar/of/torvtl");
    if (nowhere != null) {
      throw new IllegalStateException(nowhere + " should not be there");
    }
    // Native libraries: Netty's, and the JDK's for sockets of its own.
    Epoll.ensureAvailability();
    SocketChannel.open().close();
    var unused = ZoneId.systemDefault().getRules();
  }
}
