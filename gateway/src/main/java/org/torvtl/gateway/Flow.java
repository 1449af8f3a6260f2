/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.Destination;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;
import org.torvtl.stack.GuestConnection;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.MemoryFootprint;

/**
 * One guest connection and one stream of the egress, joined.
 *
 * <pre>
 * CONNECTING ─ opened ─▶ OPEN ─ stream ended ─▶ CONFIRMING ─ by the far end ─▶ FAR_END_DONE
 *     │ refused            │ lost                    │ egress gone                  │
 *     ▼                    ▼                         ▼                              ▼
 *  REFUSED ─────────────▶ CLOSED ◀── in any state: the guest's end, a defect, memory is short
 * </pre>
 *
 * <p>The guest's SYN is answered when the stream is open, and refused as the stream was. What the
 * guest sends goes out through a {@link StreamWriter}. The stream is read while the guest's send
 * queue has room. When it ends, the guest gets a FIN, but only once the egress has confirmed that
 * it was the far end: were the egress dead, a FIN would pass a cut download off as a complete one,
 * so the guest gets a RST.
 *
 * <p>An egress may have no half-closed streams: in Tor, shutting down one direction ends both. So a
 * guest's FIN is not passed on while the far end may still answer. It goes on as the end of the
 * whole stream when the far end has ended its direction, or nothing has moved in either direction
 * for a while: {@link FarEndWait}. And what a guest sends after the far end has ended may find no
 * taker any more; then the guest still gets all that is queued for it, and a RST after that.
 *
 * <p>Whatever fails here cuts this flow and no other.
 */
final class Flow implements ConnectionHandler, StreamHandler {
  private enum State {
    /** The stream is being opened. */
    CONNECTING,
    /** It was not, and the guest was told. */
    REFUSED,
    OPEN,
    /** The stream ended, and the egress is asked whether that was the far end. */
    CONFIRMING,
    /** The far end was done, and the guest has our FIN. */
    FAR_END_DONE,
    /** The guest's connection is over. */
    CLOSED
  }

  private final GuestConnection guest;
  private final FlowContext context;
  private final FlowCounters counters;
  private final Dialogue dialogue;
  private final FlowLog log;
  private State state = State.CONNECTING;

  /** The stream; null before it was asked for. */
  private @Nullable EgressStream stream;

  private long openedNanos;

  /** The stream takes nothing any more, but the guest is still to get what is queued for it. */
  private boolean isStreamGone;

  /** Since the stream is open. */
  private @Nullable StreamWriter writer;

  /** Bytes from the egress the guest has not acknowledged. */
  private int waitingIn;

  /** Since the guest has ended its side, until the far end has. */
  private @Nullable FarEndWait wait;

  private boolean isUploadEnded;

  /** Whether the connection is among the device's {@link ControlConnections}. */
  private boolean isControl;

  private Flow(GuestConnection guest, FlowContext context) {
    this.guest = guest;
    this.context = context;
    this.counters = context.counters();
    this.dialogue = new Dialogue(guest.tuple().port());
    this.log = new FlowLog(guest, dialogue, counters, context.now());
  }

  /** Begins a flow for a guest's request. */
  static void start(GuestConnection guest, IsolationKey isolation, FlowContext context) {
    context.counters().requested++;
    var flow = new Flow(guest, context);
    guest.handler(flow);
    flow.stream =
        context
            .egress()
            .connect(
                context.loop(),
                Destination.ofIpv4(guest.tuple().address(), guest.tuple().port()),
                isolation,
                // A read may overshoot what the guest's queue has room for by one buffer.
                new StreamOptions(guest.transmitBytes(), guest.sendCapacityBytes()),
                flow);
  }

  private EgressStream stream() {
    return Objects.requireNonNull(stream, "no stream was asked for");
  }

  // The beginning.

  @Override
  public void opened() {
    guarded(() -> {
      if (state == State.CLOSED) {
        stream().close();
        return;
      }
      state = State.OPEN;
      writer = new StreamWriter(guest, stream(), context, this::guarded, this::streamLost);
      counters.opened++;
      openedNanos = context.now();
      noteControl();
      guest.accept();
      readWhileWritable();
    });
  }

  @Override
  public void refused(EgressException cause) {
    guarded(() -> refuse(cause));
  }

  private void refuse(EgressException cause) {
    if (state == State.CLOSED) {
      return;
    }
    state = State.REFUSED;
    if (cause.isTemporary()) {
      context.owner().exhausted(cause);
      tell("left without an answer: " + cause.getMessage());
    } else {
      counters.refused++;
      tell("refused: " + cause.getMessage());
    }
    switch (cause.refusal()) {
      case NONE -> guest.ignore();
      case RESET -> guest.refuse();
      case NETWORK_UNREACHABLE -> guest.unreachable(Icmpv4Message.NET_UNREACHABLE);
      case HOST_UNREACHABLE -> guest.unreachable(Icmpv4Message.HOST_UNREACHABLE);
      case PROHIBITED -> guest.unreachable(Icmpv4Message.ADMINISTRATIVELY_PROHIBITED);
    }
  }

  // From the guest.

  @Override
  public void established() {
    // The stream has been open since before the guest's SYN was answered.
  }

  @Override
  public void data(ByteBuf data) {
    int length = data.readableBytes();
    counters.bytesOut += length;
    if (writer == null || isStreamGone) {
      // Not consumed either: the guest's window closes on what has no taker.
      counters.discardedBytesOut += length;
      data.release();
      return;
    }
    dialogue.guestSaid(data);
    if (writer.write(data)) {
      context.owner().flushAtEndOfBatch(this);
    }
  }

  /** Gives what the guest sent since the last call to the egress. */
  void flush() {
    if (writer != null) {
      guarded(writer::flush);
    }
  }

  @Override
  public void endOfStream() {
    if (state == State.OPEN) {
      log.guestEnded(context.now());
      wait =
          new FarEndWait(
              context,
              guest,
              dialogue,
              stream(),
              openedNanos - log.requestedNanos(),
              this::guarded,
              this::farEndIsSilent);
      restartWait();
    }
  }

  @Override
  public void acknowledged(int bytes) {
    waitingIn -= bytes;
    counters.waitingBytesIn -= bytes;
    restartWait();
    if (isStreamGone) {
      cutOnceDelivered();
    } else {
      readWhileWritable();
    }
  }

  @Override
  public void closed(CloseReason reason) {
    if (state == State.CLOSED) {
      return;
    }
    var before = state;
    close();
    switch (before) {
      case CONNECTING -> {
        log.closedUnanswered(reason, context.now());
        stream().close();
      }
      case REFUSED -> stream().close();
      default -> {
        log.closed(reason, isUploadEnded, context.now());
        if (reason == CloseReason.NORMAL) {
          flush();
          stream().closeOnceTaken(context.config().drain(), () -> counters.undrained++);
        } else {
          stream().close();
        }
      }
    }
  }

  // From the egress.

  @Override
  public void received(ByteBuf message) {
    try {
      receive(MemoryFootprint.compact(message));
    } catch (RuntimeException | OutOfMemoryError e) {
      failed(e);
    }
  }

  private void receive(ByteBuf data) {
    int length = data.readableBytes();
    counters.bytesIn += length;
    if (state == State.CLOSED || state == State.FAR_END_DONE) {
      counters.discardedBytesIn += length;
      data.release();
      return;
    }
    if (!guest.memory().mayHold(data)) {
      counters.discardedBytesIn += length;
      data.release();
      cutForMemory();
      return;
    }
    dialogue.farEndSaid(data);
    noteControl();
    waitingIn += length;
    counters.waitingBytesIn += length;
    restartWait();
    guest.send(data);
  }

  @Override
  public void readComplete() {
    resume();
  }

  private void readWhileWritable() {
    if (state != State.OPEN || !guest.isWritable()) {
      return;
    }
    if (guest.memory().admitsReading()) {
      stream().read();
    } else {
      context.paused().add(this);
    }
  }

  /** Reads on, if nothing speaks against it: memory may have been what it waited for. */
  void resume() {
    guarded(this::readWhileWritable);
  }

  @Override
  public void ended() {
    guarded(this::confirmEnd);
  }

  private void confirmEnd() {
    if (state != State.OPEN) {
      return;
    }
    state = State.CONFIRMING;
    stopWait();
    stream()
        .confirmEnd(byFarEnd ->
            guarded(() -> {
              if (state != State.CONFIRMING) {
                return;
              }
              if (byFarEnd) {
                state = State.FAR_END_DONE;
                guest.shutdownOutput();
                cutOnceDelivered();
              } else {
                counters.egressLost++;
                cut("the egress is gone");
              }
            }));
  }

  @Override
  public void lost(@Nullable String reason) {
    guarded(() -> streamLost(reason));
  }

  /** The stream is gone, as a whole, or takes no more bytes. */
  private void streamLost(@Nullable String reason) {
    stream().close();
    if (state == State.CLOSED || isStreamGone) {
      return;
    }
    if (state == State.OPEN) {
      counters.streamLost++;
      cut("the stream is gone" + (reason == null ? "" : ": " + reason));
    } else {
      isStreamGone = true;
      cutOnceDelivered();
    }
  }

  /** Tells a guest whose stream is gone, but not before it has all that came through the stream. */
  private void cutOnceDelivered() {
    if (isStreamGone && state == State.FAR_END_DONE && guest.queuedBytes() == 0) {
      counters.streamLost++;
      cut("the stream is gone, what came is delivered");
    }
  }

  // When something goes wrong.

  /** Ends both sides at once: the guest gets a RST. The caller counts the reason. */
  private void cut(String reason) {
    endBoth("cut: " + reason);
  }

  private void endBoth(String how) {
    if (state != State.CLOSED) {
      close();
      tell(how);
      guest.abort();
    }
    if (stream != null) {
      stream.close();
    }
  }

  /** Ends the flow since it, or its guest, holds too much memory. */
  void cutForMemory() {
    counters.cutForMemory += state == State.CLOSED ? 0 : 1;
    cut("memory is short");
  }

  /** The guest's connection is over, whatever becomes of the stream. */
  private void close() {
    state = State.CLOSED;
    stopWait();
    context.paused().remove(this);
    if (isControl) {
      context.controls().remove(guest);
    }
    counters.waitingBytesIn -= waitingIn;
    waitingIn = 0;
  }

  /** Runs what would otherwise go on with a failure that was only logged. */
  private void guarded(Runnable event) {
    try {
      event.run();
    } catch (RuntimeException | OutOfMemoryError e) {
      failed(e);
    }
  }

  @Override
  public void failed(Throwable cause) {
    context.owner().failed(cause);
    if (cause instanceof OutOfMemoryError) {
      cutForMemory();
    } else {
      counters.failed++;
      cut("handling it failed");
    }
  }

  // The wait of a half-closed flow.

  private void restartWait() {
    if (wait != null) {
      wait.restart(waitingIn == 0);
    }
  }

  private void stopWait() {
    if (wait != null) {
      wait.stop();
      wait = null;
    }
  }

  private void farEndIsSilent() {
    if (wait != null && wait.isWholeUpload()) {
      counters.uploads++;
      isUploadEnded = true;
      confirmEnd();
    } else if (dialogue.farEndSpokeLast()) {
      counters.endedByGuest++;
      endBoth("ended by the guest, and the far end had nothing to add");
    } else {
      counters.silent++;
      cut("no answer after the guest's end");
    }
  }

  private void noteControl() {
    if (dialogue.isControl() && !isControl) {
      isControl = true;
      context.controls().add(guest);
    }
  }

  private void tell(String how) {
    log.tell(how, context.now());
  }
}
