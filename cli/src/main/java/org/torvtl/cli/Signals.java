/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * What this process does when it gets a signal.
 *
 * <p>{@code sun.misc.Signal} (module jdk.unsupported, JEP 260) is called by reflection: javac warns
 * of it wherever it is named, and that warning cannot be turned off by itself.
 */
final class Signals {
  private Signals() {}

  /**
   * Replaces what a signal does. Where it was ignored when this process began (nohup), it stays so.
   *
   * @param name without SIG, such as {@code HUP}; not one that the JVM has for itself
   * @param action called on a thread of its own
   */
  static void handle(String name, Runnable action) {
    try {
      var signal = Class.forName("sun.misc.Signal");
      var handler = Class.forName("sun.misc.SignalHandler");
      signal
          .getMethod("handle", signal, handler)
          .invoke(
              null,
              signal.getConstructor(String.class).newInstance(name),
              Proxy.newProxyInstance(
                  Signals.class.getClassLoader(),
                  new Class<?>[] {handler},
                  (proxy, method, arguments) -> called(proxy, method, arguments, name, action)));
    } catch (InvocationTargetException e) {
      // Of a JVM with -Xrs, which has no shutdown hooks for signals either.
      throw new IllegalStateException("cannot listen for SIG" + name, e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot listen for SIG" + name, e);
    }
  }

  private static @Nullable Object called(
      Object proxy, Method method, Object @Nullable [] arguments, String name, Runnable action) {
    return switch (method.getName()) {
      case "handle" -> {
        action.run();
        yield null;
      }
      case "equals" -> arguments != null && proxy == arguments[0];
      case "hashCode" -> System.identityHashCode(proxy);
      default -> "handler of SIG" + name;
    };
  }
}
