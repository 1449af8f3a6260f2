/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/**
 * The tests of this class take a {@link Testbed}: the one of this JVM, built when first asked for
 * and shared with every other such class that the JVM runs. If one fails, the testbed's logs are
 * printed. After the last one of a class, not one packet of a guest may have been outside Tor.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(OnTestbed.Extension.class)
@interface OnTestbed {

  /** The testbed, or why there is none: then every test fails alike, and at once. */
  record Outcome(@Nullable Testbed testbed, @Nullable Exception failure) implements AutoCloseable {
    static Outcome build() {
      try {
        return new Outcome(Testbed.start(), null);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return new Outcome(null, e);
      } catch (IOException | RuntimeException e) {
        return new Outcome(null, e);
      }
    }

    Testbed get() {
      if (testbed == null) {
        throw new IllegalStateException(
            "no testbed: " + (failure == null ? "unknown" : failure.getMessage()), failure);
      }
      return testbed;
    }

    @Override
    public void close() throws IOException {
      if (testbed != null) {
        testbed.close();
      }
    }
  }

  /** Builds, hands out, and at the end of the JVM's last class closes the testbed. */
  final class Extension
      implements ParameterResolver, TestExecutionExceptionHandler, AfterAllCallback {
    private static Outcome outcome(ExtensionContext context) {
      return context
          // Surefire launches each class by itself where it has several JVMs, in one session.
          .getStore(
              ExtensionContext.StoreScope.LAUNCHER_SESSION,
              ExtensionContext.Namespace.create(OnTestbed.class))
          .computeIfAbsent("testbed", key -> Outcome.build(), Outcome.class);
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
      return parameter.getParameter().getType() == Testbed.class;
    }

    @Override
    public Testbed resolveParameter(ParameterContext parameter, ExtensionContext context) {
      return outcome(context).get();
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
      var testbed = outcome(context).testbed();
      if (testbed != null) {
        var evidence = testbed.evidence();
        assertThat(evidence.detector().leaks(evidence.everything())).isEmpty();
        assertThat(evidence.detector().leaks(evidence.cable())).isEmpty();
      }
    }

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure)
        throws Throwable {
      var testbed = outcome(context).testbed();
      if (testbed != null) {
        System.err.printf(
            "=== %s failed; what torvtl and tor logged:%n%s%n",
            context.getDisplayName(), testbed.logs());
      }
      throw failure;
    }
  }
}
