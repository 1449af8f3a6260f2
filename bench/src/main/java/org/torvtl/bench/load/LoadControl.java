/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.Closeable;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** The other end of a {@link LoadClient}: says what to do, and hears what came of it. */
public final class LoadControl implements Closeable {
  private final SocketChannel channel;
  private final ObjectOutputStream out;
  private final ObjectInputStream in;

  /** Connects to a client that listens already. */
  public LoadControl(Path socket) throws IOException {
    channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    channel.connect(UnixDomainSocketAddress.of(socket));
    out = new ObjectOutputStream(Channels.newOutputStream(channel));
    out.flush();
    in = new ObjectInputStream(Channels.newInputStream(channel));
  }

  /**
   * Has a workload done.
   *
   * @param kind of the outcome that belongs to it
   * @throws IOException if the client says that it could not be done
   */
  public <T extends Outcome> T run(Workload workload, Class<T> kind) throws IOException {
    out.writeObject(workload);
    out.flush();
    try {
      var outcome = in.readObject();
      if (outcome instanceof Outcome.Failed failed) {
        throw new IOException("%s: %s".formatted(workload, failed.reason()));
      }
      return kind.cast(outcome);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("the client is of another build", e);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
