/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * Another network namespace than the one this process is in. A device that was opened there stays
 * usable from here. network_namespaces(7).
 */
public final class NetworkNamespace {
  private static final Path NAMED = Path.of("/run/netns");
  private static final Path OWN = Path.of("/proc/self/ns/net");
  private static final String FORMS =
      "it is a name as ip netns list has them, the id of a process, or a path such as /proc/PID/ns/net";

  private static final Pattern OF_PROCESS = Pattern.compile("/proc/(\\d{1,9})/ns/net");

  private static final int CLONE_NEWNET = 0x4000_0000;

  private final String name;
  private final Path file;

  private NetworkNamespace(String name, Path file) {
    this.name = name;
    this.file = file;
  }

  /**
   * The one that a text names; whether it is there, {@link #call} tells.
   *
   * @param text a name as of {@code ip netns list}, else the id of a process that is in it, else a
   *     path with a slash
   */
  public static NetworkNamespace of(String text) {
    if (text.contains("/")) {
      return new NetworkNamespace(text, Path.of(text));
    }
    var named = NAMED.resolve(text);
    boolean isProcess = text.matches("\\d{1,9}") && !Files.exists(named);
    return new NetworkNamespace(text, isProcess ? Path.of("/proc", text, "ns", "net") : named);
  }

  /** All that have a name, as {@code ip netns list} has them. */
  public static List<NetworkNamespace> named() throws IOException {
    if (!Files.isDirectory(NAMED)) {
      return List.of();
    }
    var all = new ArrayList<NetworkNamespace>();
    try (var files = Files.newDirectoryStream(NAMED)) {
      files.forEach(each -> all.add(new NetworkNamespace(each.getFileName().toString(), each)));
    }
    return all;
  }

  /**
   * Whether it is the one this process is in.
   *
   * @throws IOException if there is no such namespace
   */
  public boolean isOurs() throws IOException {
    try {
      return Files.isSameFile(file, OWN);
    } catch (NoSuchFileException e) {
      throw new IOException(
          "cannot enter the network namespace %s: there is none (%s)".formatted(name, FORMS), e);
    }
  }

  /** Whether it was named by a process that is in it. */
  public boolean isOfProcess() {
    return process().isPresent();
  }

  private OptionalLong process() {
    var matcher = OF_PROCESS.matcher(file.toString());
    return matcher.matches()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }

  /**
   * Tells from now on whether what it was named by is still there: the process, or the file, which
   * may be another one of the same name. Neither takes a privilege.
   *
   * @throws IOException if it is not there now
   */
  public BooleanSupplier presence() throws IOException {
    var pid = process();
    if (pid.isPresent()) {
      var process = ProcessHandle.of(pid.getAsLong());
      return () -> process.filter(ProcessHandle::isAlive).isPresent();
    }
    var now = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    return () -> {
      try {
        return now.equals(Files.readAttributes(file, BasicFileAttributes.class).fileKey());
      } catch (NoSuchFileException e) {
        return false;
      } catch (IOException e) {
        // It cannot be looked at: that says nothing.
        return true;
      }
    };
  }

  /** As it was named. */
  public String name() {
    return name;
  }

  /**
   * Does something in there, on a thread of its own, and waits for it.
   *
   * @throws IOException if there is no such namespace, it may not be entered, or the task throws it
   */
  public <T> T call(Callable<T> task) throws IOException {
    var result =
        new FutureTask<T>(() -> {
          enter();
          return task.call();
        });
    // A virtual thread would leave its carrier in there.
    Thread.ofPlatform().name("in namespace " + name).start(result);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return result.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void enter() throws SystemCallException {
    String cannot = "cannot enter the network namespace " + name;
    int fd = Libc.open(file.toString(), Libc.O_RDONLY | Libc.O_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException(cannot, -fd, FORMS);
    }
    try {
      int result = Libc.setns(fd, CLONE_NEWNET);
      if (result < 0) {
        throw new SystemCallException(
            cannot,
            -result,
            result == -Libc.EINVAL
                ? file + " is no network namespace"
                : "run as root, or as who made it");
      }
    } finally {
      Libc.close(fd);
    }
  }
}
