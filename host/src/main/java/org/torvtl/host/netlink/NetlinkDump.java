/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.torvtl.host.system.SystemCallException;

/**
 * The kernel's answer to a request for a listing (NLM_F_DUMP): messages, and one that says they are
 * all. netlink(7).
 *
 * @param <T> what a message tells of
 */
public final class NetlinkDump<T> {
  private static final int NLM_F_DUMP_INTR = 0x10;

  private final String what;
  private final int type;
  private final int sequence;
  private final Function<ByteBuffer, Optional<T>> reader;
  private final List<T> entries = new ArrayList<>();
  private boolean isInconsistent;

  /**
   * @param what for an error, as {@code cannot list interfaces}
   * @param type of the messages that are asked for, such as {@code RTM_NEWLINK}
   * @param sequence of the request
   * @param reader gets such a message with its header, valid during the call
   */
  public NetlinkDump(
      String what, int type, int sequence, Function<ByteBuffer, Optional<T>> reader) {
    this.what = what;
    this.type = type;
    this.sequence = sequence;
    this.reader = reader;
  }

  /** Takes messages, in this machine's byte order; whether they are the last. */
  public boolean add(ByteBuffer messages) throws SystemCallException {
    int left = messages.remaining();
    for (var message : NetlinkMessages.split(messages)) {
      left -= NetlinkMessages.aligned(message.limit());
      if (NetlinkMessages.sequence(message) != sequence) {
        continue;
      }
      isInconsistent |= (NetlinkMessages.flags(message) & NLM_F_DUMP_INTR) != 0;
      int found = NetlinkMessages.type(message);
      if (found == NetlinkMessages.NLMSG_DONE) {
        return true;
      } else if (found == NetlinkMessages.NLMSG_ERROR) {
        NetlinkMessages.throwIfError(message, what);
      } else if (found == type) {
        reader.apply(message).ifPresent(entries::add);
      }
    }
    // What is behind a message that is not whole cannot be read.
    boolean isCut = left >= NetlinkMessages.HEADER_LENGTH;
    isInconsistent |= isCut;
    return isCut;
  }

  /** All of them; none if some have changed meanwhile, so that others may be missing. */
  public Optional<List<T>> entries() {
    return isInconsistent ? Optional.empty() : Optional.of(entries);
  }
}
