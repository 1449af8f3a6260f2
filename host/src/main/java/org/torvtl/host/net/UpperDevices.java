/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * The devices that stand on an interface: the bridge it is a port of, a bond, a macvlan. As sysfs
 * tells them, which any user may read.
 *
 * <p>An interface may be moved to another network namespace. It leaves its bridge on the way, and
 * is not seen any more. Nor is a macvlan that was moved itself.
 */
public final class UpperDevices {
  /** A look at all costs some 50 us; one at the bridge alone, for each request, 2 us. */
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final Path INTERFACES = Path.of("/sys/class/net");
  private static final String PREFIX = "upper_";

  private final Path interfaces;
  private final int index;
  private final LongSupplier clock;
  private String name;
  private Path master;
  private boolean hadAny;
  private long lookedNanos;

  UpperDevices(Path interfaces, String name, int index, LongSupplier clock) throws IOException {
    this.interfaces = interfaces;
    this.name = name;
    this.index = index;
    this.clock = clock;
    this.master = masterOf(name);
    this.lookedNanos = clock.getAsLong();
    this.hadAny = look();
  }

  /**
   * Those of an interface of this network namespace; nothing if {@code /sys} shows another.
   *
   * @param clock nanoseconds as of {@link System#nanoTime}
   */
  public static Optional<UpperDevices> of(NetworkInterface networkInterface, LongSupplier clock)
      throws IOException {
    int index = networkInterface.index();
    return indexOf(INTERFACES, networkInterface.name()).equals(Optional.of(index))
        ? Optional.of(new UpperDevices(INTERFACES, networkInterface.name(), index, clock))
        : Optional.empty();
  }

  /** Their names, as of now; none where {@code /sys} does not have the interface. */
  public static Set<String> names(NetworkInterface networkInterface) throws IOException {
    return names(INTERFACES, networkInterface.name());
  }

  private static Set<String> names(Path interfaces, String name) throws IOException {
    try (var entries = Files.list(interfaces.resolve(name))) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .filter(entry -> entry.startsWith(PREFIX))
          .map(entry -> entry.substring(PREFIX.length()))
          .collect(Collectors.toUnmodifiableSet());
    } catch (NoSuchFileException e) {
      return Set.of();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Whether there is any. A bridge or bond is noticed at once, others and after a change of the
   * interface's name within a second. Where it cannot be told the answer is yes.
   */
  public boolean any() {
    // Where there is none, to ask for the link's attributes costs an exception.
    if (Files.exists(master)) {
      return true;
    }
    long now = clock.getAsLong();
    if (now - lookedNanos >= LOOK_NANOS) {
      lookedNanos = now;
      try {
        hadAny = look();
      } catch (IOException e) {
        hadAny = true;
      }
    }
    return hadAny;
  }

  private boolean look() throws IOException {
    if (!indexOf(interfaces, name).equals(Optional.of(index))) {
      var renamed = find();
      if (renamed.isEmpty()) {
        return false;
      }
      var found = masterOf(renamed.get());
      name = renamed.get();
      master = found;
    }
    return !names(interfaces, name).isEmpty();
  }

  /** Without the symbolic link on the way, which doubles what the kernel has to do for a look. */
  private Path masterOf(String name) throws IOException {
    var device = interfaces.resolve(name);
    return (Files.exists(device) ? device.toRealPath() : device).resolve("master");
  }

  /** The name of the interface, whatever it is now; nothing if it is in another namespace. */
  private Optional<String> find() throws IOException {
    try (var entries = Files.list(interfaces)) {
      for (var entry : (Iterable<Path>) entries::iterator) {
        var candidate = entry.getFileName().toString();
        // The bonding driver has a file there.
        if (Files.isDirectory(entry) && indexOf(interfaces, candidate).equals(Optional.of(index))) {
          return Optional.of(candidate);
        }
      }
      return Optional.empty();
    }
  }

  private static Optional<Integer> indexOf(Path interfaces, String name) throws IOException {
    try {
      var text = Files.readString(interfaces.resolve(name).resolve("ifindex")).strip();
      return Optional.of(Integer.valueOf(text));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }
}
