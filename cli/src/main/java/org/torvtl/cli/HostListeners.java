/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.net.LinkTable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.socket.PacketListeners;
import org.torvtl.link.guard.Attachment;
import org.torvtl.link.guard.Segment;

/** Programs of this host that hear guests although the host is off their link. */
final class HostListeners {
  private static final Logger log = LoggerFactory.getLogger(HostListeners.class);

  private HostListeners() {}

  /** Says it in the log; that it cannot be told is no reason to end. */
  static void warn(NetworkInterface device) {
    try {
      on(device).forEach(listener -> log.warn("{}: {}", device.name(), listener));
    } catch (IOException e) {
      log.debug("no packet sockets can be listed", e);
    }
  }

  /**
   * What they do, a clause for each.
   *
   * @param device of the guests' link; one that is there
   */
  static List<String> on(NetworkInterface device) throws IOException {
    var attachment = new Attachment(Attachment.Role.SOCKET, device.index(), device.name());
    var link =
        Segment.of(LinkTable.read(), List.of(attachment)).all().stream()
            .map(Segment.Port::index)
            .collect(Collectors.toSet());
    return PacketListeners.at(link).stream()
        .map(program ->
            "%s of this host hears all that guests send there, by a packet socket, and may pass it on"
                .formatted(program))
        .toList();
  }
}
