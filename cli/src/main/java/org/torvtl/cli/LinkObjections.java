/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.torvtl.host.net.HostOnly;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.guard.Attachment;
import org.torvtl.link.guard.Objections;

/**
 * Whether the devices of a guests' link are host-only, as long as they are served. They go by their
 * numbers: another interface may have the name of one that was moved away.
 *
 * @param isForced whether nothing is to be said against any
 */
record LinkObjections(List<Attachment> devices, boolean allowHost, boolean isForced)
    implements Objections {
  /** What is asked of an interface. */
  interface Look<T> {
    T at(NetworkInterface found) throws IOException;
  }

  /** The interface of a number, if this network namespace has it. */
  interface Finder {
    Optional<NetworkInterface> find(int index) throws IOException;
  }

  @Override
  public Optional<String> get() throws IOException {
    if (isForced) {
      return Optional.empty();
    }
    for (var device : devices) {
      List<HostOnly.Objection> objections =
          look(device.index(), List.of(), found -> HostOnly.objections(found, allowHost));
      if (!objections.isEmpty()) {
        return Optional.of(objections.getFirst().reason());
      }
    }
    return Optional.empty();
  }

  @Override
  public boolean leadsOut(int index) throws IOException {
    return !isForced && look(index, false, HostOnly::leadsOut);
  }

  private static <T> T look(int index, T nothing, Look<T> look) throws IOException {
    return look(NetworkInterface::ofIndex, index, nothing, look);
  }

  /** It may go in the meantime, and then nothing is to be said of it. */
  static <T> T look(Finder finder, int index, T nothing, Look<T> look) throws IOException {
    var found = finder.find(index);
    if (found.isEmpty()) {
      return nothing;
    }
    T seen;
    try {
      seen = look.at(found.get());
    } catch (IOException e) {
      if (finder.find(index).isPresent()) {
        throw e;
      }
      return nothing;
    }
    return seen.equals(nothing) || finder.find(index).isPresent() ? seen : nothing;
  }
}
