/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * Whether SIGHUP ends this process: its terminal was closed, or the connection to it is lost. That
 * is not what a user does to open the host; SIGINT and SIGTERM are.
 *
 * <p>The exit status is 129, as without this. Where SIGHUP is ignored (nohup), it stays so.
 *
 * <p>{@code sun.misc.Signal} (module jdk.unsupported, JEP 260) is called by reflection: javac warns
 * of it wherever it is named, and that warning cannot be turned off by itself.
 */
final class Hangup {
  private static final int STATUS_OF_SIGNALS = 128, SIGHUP = 1;

  private static volatile boolean hasCome;

  private static boolean isListening;

  private Hangup() {}

  /** Whether it came, since {@link #listen}. */
  static boolean hasCome() {
    return hasCome;
  }

  /** Listens from here on. More calls do nothing. */
  static synchronized void listen() {
    if (isListening) {
      return;
    }
    try {
      var signal = Class.forName("sun.misc.Signal");
      var handler = Class.forName("sun.misc.SignalHandler");
      signal
          .getMethod("handle", signal, handler)
          .invoke(
              null,
              signal.getConstructor(String.class).newInstance("HUP"),
              Proxy.newProxyInstance(
                  Hangup.class.getClassLoader(), new Class<?>[] {handler}, Hangup::called));
      isListening = true;
    } catch (InvocationTargetException e) {
      // Of a JVM with -Xrs, which has no shutdown hooks for signals either.
      throw new IllegalStateException("cannot listen for SIGHUP", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot listen for SIGHUP", e);
    }
  }

  private static @Nullable Object called(
      Object proxy, Method method, Object @Nullable [] arguments) {
    return switch (method.getName()) {
      case "handle" -> {
        hasCome = true;
        System.exit(STATUS_OF_SIGNALS + SIGHUP);
        yield null;
      }
      case "equals" -> arguments != null && proxy == arguments[0];
      case "hashCode" -> System.identityHashCode(proxy);
      default -> "handler of SIGHUP";
    };
  }
}
