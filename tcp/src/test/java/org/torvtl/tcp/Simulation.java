/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * Two engines joined by a wire that loses, repeats, delays, reorders and damages segments, with
 * applications at both ends that write and read in fits and starts. Everything, the shape of the
 * run included, follows from one seed; time is virtual. Segments cross the wire as real bytes with
 * real checksums, and every buffer comes from an allocator of the run's own that knows what is not
 * released.
 */
final class Simulation {
  private static final long MILLI = 1_000_000L;
  private static final long SECOND = 1000 * MILLI;
  private static final long TIME_LIMIT = 3 * 3600 * SECOND;
  private static final long ABORT_LIMIT = 1200 * SECOND;
  private static final int EVENT_LIMIT = 3_000_000;

  final TcpCounters counters = new TcpCounters();
  final List<String> trace = new ArrayList<>();

  private final SplittableRandom random;
  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false, true);
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final boolean tracing;
  private final long start;
  private long elapsed;
  private long order;
  private int executed;

  private final double loss;
  private final double repetition;
  private final double damage;
  private final double reordering;
  private final long delay;
  private final long jitter;
  private final long nanosPerByte;
  private final boolean stripSack;
  private final boolean stripTimestamps;
  private final boolean stripScale;
  private final boolean forger;
  private final boolean simultaneous;
  private final long abortAt;

  private final Node left;
  private final Node right;
  private boolean aborted;
  int damaged;

  private record Event(long at, long order, Runnable action) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return at != other.at ? Long.compare(at, other.at) : Long.compare(order, other.order);
    }
  }

  /** Thrown when a run breaks a promise of the engine. */
  static final class Broken extends RuntimeException {
    private static final long serialVersionUID = 1;

    Broken(String message) {
      super(message);
    }
  }

  Simulation(long seed, boolean tracing) {
    random = new SplittableRandom(seed);
    this.tracing = tracing;
    // Near the ends of the clock's range as well, where comparing by value would go wrong.
    start =
        random.nextInt(4) == 0 ? Long.MAX_VALUE - random.nextLong(20 * SECOND) : random.nextLong();
    boolean clean = random.nextInt(8) == 0;
    loss = clean ? 0 : random.nextDouble() * 0.2;
    repetition = clean ? 0 : random.nextDouble() * 0.1;
    damage = clean ? 0 : random.nextDouble() * 0.05;
    reordering = clean ? 0 : random.nextDouble() * 0.2;
    delay = random.nextBoolean() ? 50_000 : random.nextLong(100 * MILLI);
    jitter = 1 + (random.nextBoolean() ? delay / 8 : 2 * delay);
    nanosPerByte = random.nextBoolean() ? 0 : random.nextLong(1000);
    stripSack = random.nextInt(3) == 0;
    stripTimestamps = random.nextInt(3) == 0;
    stripScale = random.nextInt(3) == 0;
    forger = random.nextInt(4) == 0;
    simultaneous = random.nextInt(8) == 0;
    abortAt = random.nextInt(6) == 0 ? random.nextLong(2 * SECOND) : -1;
    left = new Node("left", 0x5EED1);
    right = new Node("right", 0x5EED2);
    left.peer = right;
    right.peer = left;
    left.spareTinyWindow();
    right.spareTinyWindow();
  }

  private long now() {
    return start + elapsed;
  }

  private void at(long when, Runnable action) {
    events.add(new Event(when, order++, action));
  }

  @SuppressWarnings("AnnotateFormatMethod") // The annotation's library is not on the class path.
  private void require(boolean condition, String promise, Object... details) {
    if (!condition) {
      throw new Broken(promise.formatted(details) + " after " + elapsed / MILLI + " ms");
    }
  }

  /** Runs to the end, or throws {@link Broken}. */
  void run() {
    left.open();
    if (simultaneous) {
      right.open();
    }
    if (abortAt >= 0) {
      at(abortAt, () -> abort(random.nextBoolean() ? left : right));
    }
    if (forger) {
      at(random.nextLong(SECOND), this::forge);
    }
    if (abortAt >= 0) {
      at(ABORT_LIMIT, this::dropWhatWasNotTold);
    }
    while (step()) {
      if (elapsed >= TIME_LIMIT || ++executed == EVENT_LIMIT) {
        throw new Broken(
            "no end after %d s, %d events: %s; %s"
                .formatted(elapsed / SECOND, executed, left, right));
      }
    }
    finish();
  }

  /** Does what comes next in time; false if nothing does. */
  private boolean step() {
    var event = events.peek();
    long next = event == null ? Long.MAX_VALUE : event.at;
    Node due = null;
    for (var node : List.of(left, right)) {
      long deadline = node.deadline();
      if (deadline < next) {
        next = deadline;
        due = node;
      }
    }
    if (next == Long.MAX_VALUE) {
      return false;
    }
    elapsed = Math.max(elapsed, next);
    if (due != null) {
      due.onDeadline();
    } else {
      events.remove().action.run();
    }
    return true;
  }

  private void abort(Node node) {
    if (node.connection != null && node.connection.state() != TcpState.CLOSED) {
      aborted = true;
      node.connection.abort(now());
    }
  }

  /** Where the reset was lost and an end has nothing to send, nothing will ever tell it. */
  private void dropWhatWasNotTold() {
    for (var node : List.of(left, right)) {
      if (aborted && node.connection != null) {
        node.connection.drop();
      }
    }
  }

  private void finish() {
    for (var node : List.of(left, right)) {
      node.check();
    }
    require(
        allocator.metric().usedHeapMemory() == 0,
        "%d bytes of buffers not released",
        allocator.metric().usedHeapMemory());
  }

  /** Segments of somebody who sees nothing and guesses. */
  private void forge() {
    if (aborted || (left.closed != null && right.closed != null)) {
      return;
    }
    var flags =
        new int[] {TcpSegment.RST, TcpSegment.SYN, TcpSegment.ACK, TcpSegment.RST | TcpSegment.ACK};
    int flag = flags[random.nextInt(flags.length)];
    var payload = allocator.buffer(16).writeZero(random.nextInt(16));
    var to = random.nextBoolean() ? left : right;
    if (to.isSynchronized()) {
      to.peer.put(random.nextInt(), random.nextInt(), flag, 1000, new TcpOptions(), payload);
    }
    payload.release();
    at(elapsed + random.nextLong(SECOND), this::forge);
  }

  /** One end: an engine, an application, and its direction of the wire. */
  private final class Node implements ConnectionHandler {
    private final String name;
    private final int pattern;
    private final TcpConfig config;
    private final InitialNumbers numbers;
    private final TcpSegment segment = new TcpSegment();
    private final TcpOptions options = new TcpOptions();
    private int total;
    private final int chunk;
    private final int readChance;
    private final long pause;
    private final boolean closes;

    Node peer = this;
    @Nullable TcpConnection connection;
    @Nullable CloseReason closed;
    private boolean established;
    private boolean ended;
    private boolean ticking;
    private boolean shut;
    private int idle;
    private int written;
    private int received;
    private int acknowledged;
    private long wireFree;

    Node(String name, int pattern) {
      this.name = name;
      this.pattern = pattern;
      int mss = random.nextInt(3) == 0 ? 1460 : 64 + random.nextInt(1400);
      int transmit = random.nextInt(3) == 0 ? Math.max(mss, random.nextInt(65_495)) : mss;
      config =
          new TcpConfig(
              mss,
              transmit,
              random.nextInt(5) == 0 ? 1 + random.nextInt(3000) : 1 + random.nextInt(1 << 20),
              1 + random.nextInt(1 << 18),
              random.nextInt(1000),
              SECOND,
              200 * MILLI,
              60 * SECOND,
              3600 * SECOND,
              40,
              40,
              40 * MILLI,
              60 * SECOND,
              60 * SECOND);
      int sequence = random.nextBoolean() ? random.nextInt() : -1 - random.nextInt(50_000);
      numbers = new InitialNumbers(sequence, random.nextInt());
      total = random.nextInt(4) == 0 ? random.nextInt(200) : random.nextInt(100_000);
      // Tiny writes of much data, or tiny windows, take too many events.
      chunk = 1 + random.nextInt(total < 5000 ? 300 : 20_000);
      // An application that reads little of little at a time takes hours.
      readChance = (config.receiveCapacityBytes() < 3000 ? 40 : 1) + random.nextInt(60);
      pause = 100_000 + random.nextLong(random.nextBoolean() ? 5 * MILLI : 500 * MILLI);
      closes = random.nextInt(4) == 0;
    }

    /** Much data through a window of a few bytes takes hours. */
    void spareTinyWindow() {
      total = Math.min(total, 20 * peer.config.receiveCapacityBytes());
    }

    void open() {
      connection = TcpConnection.open(config, counters, numbers, this, this::transmit, now());
      tick();
    }

    boolean isSynchronized() {
      return connection != null
          && connection.state() != TcpState.HELD
          && connection.state() != TcpState.SYN_SENT;
    }

    long deadline() {
      long deadline = connection == null ? Long.MAX_VALUE : connection.deadlineNanos();
      return deadline == Long.MAX_VALUE ? deadline : Math.max(elapsed, deadline - start);
    }

    void onDeadline() {
      var open = connection;
      if (open != null) {
        open.onDeadline(now());
        require(
            open.deadlineNanos() == Long.MAX_VALUE || open.deadlineNanos() - now() > 0,
            "%s has a deadline that does not pass",
            name);
      }
    }

    private byte patternAt(int position) {
      int x = (position + 1) * 0x9E3779B1 ^ pattern;
      return (byte) (x ^ x >>> 15 ^ x >>> 24);
    }

    /** The application gets the processor: writes, reads, shuts down. */
    private void tick() {
      ticking = false;
      var open = connection;
      if (open == null || closed != null) {
        return;
      }
      if (open.state() == TcpState.HELD) {
        open.accept(now());
      }
      if (open.unconsumedBytes() > 0 || (written < total && open.isWritable())) {
        idle = 0;
      }
      if (random.nextInt(100) < readChance && open.unconsumedBytes() > 0) {
        open.consumed(1 + random.nextInt(open.unconsumedBytes()), now());
      }
      if (written < total && open.isWritable()) {
        int length = Math.min(total - written, 1 + random.nextInt(chunk));
        var data = allocator.buffer(length);
        for (int i = 0; i < length; i++) {
          data.writeByte(patternAt(written + i));
        }
        written += length;
        open.send(data, now());
      } else if (written == total) {
        shut = true;
        if (closes && ended) {
          open.close(now());
        } else {
          open.shutdownOutput(now());
        }
      }
      boolean busy = !shut || open.unconsumedBytes() > 0;
      if (closed == null && (busy || (!ended && !aborted))) {
        wake();
      }
    }

    private void wake() {
      if (!ticking) {
        ticking = true;
        long wait = (random.nextInt(50) == 0 ? 20 * pause : pause) << Math.min(idle++, 8);
        at(elapsed + 1 + random.nextLong(wait), this::tick);
      }
    }

    private void transmit(
        int sequence,
        int acknowledgment,
        int flags,
        int window,
        TcpOptions given,
        ByteBuf payload,
        int segmentSize) {
      if (tracing) {
        trace.add(
            "%,12d µs %-5s flags %02x seq %d ack %d win %d len %d %s"
                .formatted(
                    elapsed / 1000,
                    name,
                    flags,
                    sequence - numbers.sequence(),
                    acknowledgment - peer.numbers.sequence(),
                    window,
                    payload.readableBytes(),
                    given));
      }
      require(
          payload.readableBytes() <= segmentSize
              || (config.maxTransmitBytes() > config.maxSegmentSize()
                  && payload.readableBytes() <= config.maxTransmitBytes()),
          "payload of %d bytes",
          payload.readableBytes());
      if (payload.readableBytes() <= segmentSize || random.nextBoolean()) {
        put(sequence, acknowledgment, flags, window, given, payload);
        return;
      }
      int sent = 0;
      while (sent < payload.readableBytes()) {
        int length = Math.min(segmentSize, payload.readableBytes() - sent);
        boolean last = sent + length == payload.readableBytes();
        put(
            sequence + sent,
            acknowledgment,
            last ? flags : flags & ~(TcpSegment.FIN | TcpSegment.PSH),
            window,
            given,
            payload.slice(payload.readerIndex() + sent, length));
        sent += length;
      }
    }

    /** Puts a packet on the wire to the peer, as bytes. */
    void put(
        int sequence,
        int acknowledgment,
        int flags,
        int window,
        TcpOptions given,
        ByteBuf payload) {
      var bytes = allocator.buffer(TcpSegment.MAX_HEADER_LENGTH + payload.readableBytes());
      int header =
          segment.compose(
              bytes, 0, 1, 2, sequence, acknowledgment, flags, window, stripped(given, flags));
      segment.updateChecksum(pseudoHeader(header + payload.readableBytes()), payload);
      bytes.writerIndex(header);
      bytes.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
      if (random.nextDouble() >= loss) {
        deliver(bytes.retain());
      }
      if (random.nextDouble() < repetition) {
        deliver(bytes.retain());
      }
      bytes.release();
    }

    private long pseudoHeader(int length) {
      return org.torvtl.wire.InternetChecksum.pseudoHeaderSum(
          0x0A000001, 0x0A000002, TcpSegment.PROTOCOL, length);
    }

    private TcpOptions stripped(TcpOptions given, int flags) {
      if ((flags & TcpSegment.SYN) == 0) {
        return given;
      }
      options.clear().mss(given.mss());
      options.sackPermitted(given.sackPermitted() && !stripSack);
      options.windowScale(stripScale ? TcpOptions.NO_WINDOW_SCALE : given.windowScale());
      if (given.hasTimestamps() && !stripTimestamps) {
        options.timestamps(given.timestampValue(), given.timestampEcho());
      }
      return options;
    }

    private void deliver(ByteBuf bytes) {
      wireFree = Math.max(wireFree, elapsed) + nanosPerByte * bytes.readableBytes();
      long arrival = wireFree + delay;
      if (random.nextDouble() < reordering) {
        arrival += random.nextLong(jitter);
      }
      at(arrival, () -> peer.arrive(bytes));
    }

    private void arrive(ByteBuf shared) {
      var bytes = shared;
      boolean isDamaged = random.nextDouble() < damage;
      if (isDamaged) {
        bytes =
            allocator.buffer(shared.readableBytes()).writeBytes(shared, 0, shared.readableBytes());
        shared.release();
        int index = random.nextInt(bytes.readableBytes());
        bytes.setByte(index, bytes.getByte(index) ^ 1 << random.nextInt(8));
      }
      try {
        segment.wrap(bytes, 0, bytes.readableBytes());
        var defect = segment.defect(pseudoHeader(bytes.readableBytes()));
        require(
            (defect != null) == isDamaged,
            "defect %s of %s",
            defect == null ? "none" : defect,
            segment);
        if (defect == null) {
          var payload = bytes.slice(segment.payloadOffset(), segment.payloadLength());
          arrive(segment, payload);
        } else {
          damaged++;
        }
      } finally {
        bytes.release();
      }
    }

    private void arrive(TcpSegment arrived, ByteBuf payload) {
      if (connection == null && arrived.has(TcpSegment.SYN) && !arrived.has(TcpSegment.ACK)) {
        connection =
            TcpConnection.passive(config, counters, numbers, arrived, this, this::transmit, now());
        wake();
      } else if (connection == null || connection.state() == TcpState.CLOSED) {
        ResetSegment.answer(arrived, this::transmit);
      } else {
        connection.receive(arrived, payload, now());
      }
    }

    @Override
    public void established() {
      require(!established && closed == null, "%s was established twice", name);
      established = true;
    }

    @Override
    public void data(ByteBuf data) {
      require(established && !ended && closed == null, "%s got data out of place", name);
      int length = data.readableBytes();
      require(length > 0, "%s got no data", name);
      for (int i = 0; i < length; i++) {
        if (data.getByte(data.readerIndex() + i) != peer.patternAt(received + i)) {
          throw new Broken("%s got a wrong byte at %d".formatted(name, received + i));
        }
      }
      received += length;
      data.release();
      if (connection != null) {
        int bound = config.receiveCapacityBytes() + 128;
        require(
            connection.unconsumedBytes() <= bound,
            "%s was given %d bytes, more than it takes",
            name,
            connection.unconsumedBytes());
        if (random.nextInt(100) < readChance) {
          connection.consumed(connection.unconsumedBytes(), now());
        }
      }
      wake();
    }

    @Override
    public void endOfStream() {
      require(!ended && closed == null, "%s was told of the end twice", name);
      require(received == peer.total, "%s ended after %d of %d", name, received, peer.total);
      ended = true;
      wake();
    }

    @Override
    public void acknowledged(int bytes) {
      acknowledged += bytes;
      require(bytes > 0 && acknowledged <= written, "%s had too much acknowledged", name);
      require(closed == null, "%s had data acknowledged after its end", name);
    }

    @Override
    public void closed(CloseReason reason) {
      require(closed == null, "%s was closed twice", name);
      closed = reason;
      if (reason == CloseReason.NORMAL) {
        require(ended || closes, "%s closed without the end of the stream", name);
        require(acknowledged == total, "%s closed with %d of %d", name, acknowledged, total);
      }
    }

    /** What must hold when nothing happens any more. */
    void check() {
      if (connection == null) {
        require(aborted, "%s was never reached", name);
        return;
      }
      require(connection.state() == TcpState.CLOSED, "%s stays in %s", name, connection.state());
      require(closed != null, "%s was not told of its end", name);
      if (!aborted) {
        // What is repeated after the peer's TIME-WAIT is answered with a reset.
        boolean late = closed == CloseReason.RESET_BY_PEER && peer.closed == CloseReason.NORMAL;
        require(
            closed == CloseReason.NORMAL || (late && ended),
            "%s closed with %s",
            name,
            closed == null ? "nothing" : closed);
        require(received == peer.total, "%s received %d of %d", name, received, peer.total);
      }
    }

    @Override
    public String toString() {
      var open = connection;
      return "%s %s, %d of %d written, %d of %d received, %d queued, %d not sent, %d not consumed"
          .formatted(
              name,
              open == null ? "nothing" : open.state(),
              written,
              total,
              received,
              peer.total,
              open == null ? 0 : open.queuedBytes(),
              open == null ? 0 : open.unsentBytes(),
              open == null ? 0 : open.unconsumedBytes());
    }
  }
}
