/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** One guest's connections through a lane and a SOCKS server on loopback, or at a Unix socket. */
@Timeout(60)
@ParameterizedClass(name = "Unix socket: {0}")
@ValueSource(booleans = {false, true})
class FlowTest {
  private static final int SECONDS = 20;
  private static final Duration SHORT = Duration.ofMillis(150);

  /** A guest with small buffers, so that what it does not read piles up elsewhere. */
  private static final TcpConfig SMALL = TcpConfig.defaults().withCapacity(64 << 10, 16 << 10);

  @Parameter boolean onUnixSocket;

  @BeforeEach
  void chooseTransport() {
    SocksServer.onUnixSocket = onUnixSocket;
  }

  @AfterEach
  void backToTcp() {
    SocksServer.onUnixSocket = false;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  // The beginning.

  @Test
  void answersTheGuestOnlyOnceTheStreamIsOpen() throws Exception {
    try (var world = new LaneWorld()) {
      var asked = new CompletableFuture<SocksServer.Stream>();
      var mayAnswer = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        asked.complete(stream);
        mayAnswer.await();
        stream.accept();
        stream.awaitEnd();
      });
      var socket = world.guest.connect(GuestHost.FAR, 8080);
      var stream = asked.get(SECONDS, TimeUnit.SECONDS);
      assertThat(stream.command()).isEqualTo(SocksServer.CONNECT);
      assertThat(stream.host()).isEqualTo("198.51.100.7");
      assertThat(stream.port()).isEqualTo(8080);
      assertThat(world.onLoop(() -> socket.saw(TcpSegment.SYN))).isFalse();
      mayAnswer.countDown();
      socket.awaitEstablished();
      assertThat(world.counters().opened).isEqualTo(1);
      socket.abort();
      world.awaitNothingOpen();
    }
  }

  @Test
  void passesOnWhatTheFarEndSaysFirst() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.acceptWith(ascii("220 ready\r\n"));
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.awaitText("220 ready\r\n");
    }
  }

  /** 1 is what Tor mostly says of a port that refused its exit. */
  @ParameterizedTest
  @ValueSource(ints = {1, 5})
  void refusesWithAResetWhatTheFarEndRefuses(int reply) throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> stream.refuse(reply));
      var socket = world.guest.connect(GuestHost.FAR, 80);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.awaitNothingOpen();
      assertThat(world.counters().refused).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @CsvSource({"2,13", "3,0", "4,1", "6,1", "7,1", "240,1", "255,1"})
  void refusesWithIcmpWhatCannotBeReached(int reply, int icmpCode) throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> stream.refuse(reply));
      var socket = world.guest.connect(GuestHost.FAR, 80);
      assertThat(world.guest.unreachables.poll(SECONDS, TimeUnit.SECONDS))
          .isEqualTo(new GuestHost.Unreachable(icmpCode, GuestHost.FAR));
      assertThat(socket.saw(TcpSegment.RST)).isFalse();
      socket.vanish();
      world.awaitNothingOpen();
    }
  }

  @Test
  void refusesWithAResetWhenTheProxyBreaksOffOrSaysNonsense() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(SocksServer.Stream::reset);
      assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.proxy.plays(stream -> {
        stream.out().write(ascii("HTTP/1.0 400 This is not SOCKS\r\n\r\n"));
        stream.awaitEnd();
      });
      assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.proxy.plays(stream -> stream.socket().close());
      assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.awaitNothingOpen();
      assertThat(world.counters().refused).isEqualTo(3);
    }
  }

  @Test
  void givesUpTheStreamWhenTheGuestGivesUpTheConnect() throws Exception {
    try (var world = new LaneWorld()) {
      var asked = new CountDownLatch(1);
      var cancelled = new CompletableFuture<Void>();
      world.proxy.plays(stream -> {
        asked.countDown();
        stream.awaitEnd();
        cancelled.complete(null);
      });
      var socket = world.guest.connect(GuestHost.FAR, 80);
      assertThat(asked.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      socket.resetWhileConnecting();
      cancelled.get(SECONDS, TimeUnit.SECONDS);
      world.awaitNothingOpen();
      assertThat(world.counters().opened).isZero();
      assertThat(world.counters().abandoned).isEqualTo(1);
    }
  }

  @Test
  void endsTheStreamWhenTheGuestIsNotThereAnyMoreToTakeTheAnswer() throws Exception {
    try (var world = new LaneWorld()) {
      var asked = new CountDownLatch(1);
      var mayAnswer = new CountDownLatch(1);
      var ended = new CompletableFuture<Void>();
      world.proxy.plays(stream -> {
        asked.countDown();
        mayAnswer.await();
        stream.accept();
        stream.awaitEnd();
        ended.complete(null);
      });
      var socket = world.guest.connect(GuestHost.FAR, 80);
      assertThat(asked.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      // A kernel whose application has closed a connecting socket answers the SYN-ACK with a RST.
      socket.vanish();
      world.guest.resetsStrangers(true);
      mayAnswer.countDown();
      ended.get(SECONDS, TimeUnit.SECONDS);
      world.awaitNothingOpen();
      assertThat(world.counters().resetByGuest).isEqualTo(1);
    }
  }

  // Data.

  @Test
  void carriesAQuestionAndItsAnswer() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.accept();
        var question = new String(stream.in().readNBytes(4), US_ASCII);
        stream.out().write(ascii("re: " + question));
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.send("ping");
      socket.awaitText("re: ping");
      assertThat(world.counters().bytesOut).isEqualTo(4);
      assertThat(world.counters().bytesIn).isEqualTo(8);
    }
  }

  /** Pseudorandom bytes that a seed gives again. */
  private static final class Sample implements GuestSocket.Source {
    private final Random random;
    private final MessageDigest digest = sha256();
    private long left;

    Sample(long seed, long length) {
      random = new Random(seed);
      left = length;
    }

    @Override
    public byte @Nullable [] next(int most) {
      if (left == 0) {
        return null;
      }
      var bytes = new byte[(int) Math.min(left, 1 + random.nextInt(most))];
      random.nextBytes(bytes);
      digest.update(bytes);
      left -= bytes.length;
      return bytes;
    }

    byte[] sum() {
      return digest.digest();
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void carriesFiftyMebibytesEachWayAtOnceWithPausesOnEitherSide() throws Exception {
    int length = 50 << 20;
    try (var world = new LaneWorld(LaneWorld.PATIENT, 1500)) {
      var down = new Sample(1, length);
      var up = new Sample(2, length);
      var atFarEnd = new CompletableFuture<byte[]>();
      world.proxy.plays(stream -> {
        stream.accept();
        var writer = Thread.startVirtualThread(() -> write(stream, down));
        var digest = sha256();
        var buffer = new byte[64 << 10];
        var pauses = new Random(3);
        long left = length;
        while (left > 0) {
          int read = stream.in().read(buffer);
          if (read < 0) {
            throw new AssertionError("the stream ended with " + left + " bytes to come");
          }
          digest.update(buffer, 0, read);
          left -= read;
          pause(pauses);
        }
        atFarEnd.complete(digest.digest());
        writer.join();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.sendAll(up, new Random(4));
      socket.awaitReceived(length);
      assertThat(socket.sha256()).isEqualTo(down.sum());
      assertThat(atFarEnd.get(SECONDS, TimeUnit.SECONDS)).isEqualTo(up.sum());
      socket.awaitEnd();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(world.counters().bytesIn).isEqualTo(length);
      assertThat(world.counters().bytesOut).isEqualTo(length);
    }
  }

  private static void write(SocksServer.Stream stream, Sample sample) {
    var pauses = new Random(5);
    try {
      for (var chunk = sample.next(64 << 10); chunk != null; chunk = sample.next(64 << 10)) {
        stream.out().write(chunk);
        pause(pauses);
      }
      stream.socket().shutdownOutput();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void pause(Random random) {
    if (random.nextInt(200) == 0) {
      LockSupport.parkNanos(random.nextInt(20_000_000));
    }
  }

  @Test
  void closesTheGuestsWindowWhenTheFarEndDoesNotRead() throws Exception {
    try (var world = new LaneWorld()) {
      var mayRead = new CountDownLatch(1);
      long total = 64 << 20;
      var counted = new CompletableFuture<Long>();
      world.proxy.plays(stream -> {
        stream.accept();
        mayRead.await();
        long count = 0;
        var buffer = new byte[64 << 10];
        for (int n = stream.in().read(buffer); n >= 0; n = stream.in().read(buffer)) {
          count += n;
          if (count == total) {
            counted.complete(count);
          }
        }
      });
      var socket = world.guest.connected();
      socket.sendAll(new Sample(6, total), null);
      world.await("the guest's window is closed", () -> socket.lastWindow() == 0);
      long inSocket =
          world.onLoop(() -> world.counters().bytesOut - world.counters().waitingBytesOut);
      long held = world.onLoop(() -> world.counters().waitingBytesOut);
      assertThat(held).isLessThanOrEqualTo(StackConfig.MAX_SHARE);
      assertThat(inSocket).isLessThan(total / 2);
      mayRead.countDown();
      assertThat(counted.get(SECONDS, TimeUnit.SECONDS)).isEqualTo(total);
      world.await("all is sent", () -> world.counters().waitingBytesOut == 0);
    }
  }

  /** Bytes that came from the far end, and the guest does not have. */
  private static long held(LaneWorld world, GuestSocket socket) throws Exception {
    long received = socket.received();
    return world.onLoop(() -> world.counters().bytesIn) - received;
  }

  /** A Unix domain socket holds some 200 KB, however much is written. */
  private void awaitTakenByTheKernel(CountDownLatch written) throws InterruptedException {
    if (!onUnixSocket) {
      assertThat(written.await(SECONDS, TimeUnit.SECONDS)).isTrue();
    }
  }

  /** What the kernel makes of a receive buffer of 256 KiB: it doubles it, for its own overhead. */
  private static final int KERNEL = 512 << 10;

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void readsTheStreamNoFurtherThanTheGuestTakes(boolean farEndEnds) throws Exception {
    try (var world = new LaneWorld(LaneWorld.PATIENT, 1500, SMALL)) {
      int before = 32 << 20;
      int after = 4 * StackConfig.MAX_SHARE;
      var mayGoOn = new CountDownLatch(1);
      var ended = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.out().write(new byte[before]);
        mayGoOn.await();
        stream.out().write(new byte[after]);
        if (farEndEnds) {
          stream.socket().shutdownOutput();
        }
        ended.countDown();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      // A stream that was fast has the large buffers that the kernel gives to such.
      socket.awaitReceived(before);
      socket.reading(false);
      mayGoOn.countDown();
      world.await(
          "the queue is full", () -> world.counters().bytesIn - before > StackConfig.MAX_SHARE);
      // Where the end is at hand Netty reads all that the kernel holds before it, asked or not.
      awaitTakenByTheKernel(ended);
      long most = (long) StackConfig.MAX_SHARE + (256 << 10) + (farEndEnds ? KERNEL : 0);
      long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(700);
      while (System.nanoTime() - until < 0) {
        assertThat(held(world, socket)).isLessThanOrEqualTo(most);
        LockSupport.parkNanos(5_000_000);
      }
      socket.reading(true);
      socket.awaitReceived(before + after);
    }
  }

  // The ends.

  @Test
  void letsTheGuestGoOnSendingAfterTheFarEndHasEnded() throws Exception {
    try (var world = new LaneWorld()) {
      var rest = new CompletableFuture<String>();
      world.proxy.plays(stream -> {
        stream.accept();
        stream.out().write(ascii("bye"));
        stream.socket().shutdownOutput();
        rest.complete(new String(stream.in().readAllBytes(), US_ASCII));
      });
      var socket = world.guest.connected();
      socket.awaitText("bye");
      socket.awaitEnd();
      socket.send("and one thing more");
      socket.finish();
      assertThat(rest.get(SECONDS, TimeUnit.SECONDS)).isEqualTo("and one thing more");
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(socket.saw(TcpSegment.RST)).isFalse();
      world.await("no stream is open", () -> world.proxy.open() == 0);
      assertThat(world.counters().ended).isEqualTo(1);
    }
  }

  @Test
  void holdsTheGuestsEndBackUntilTheAnswerIsThere() throws Exception {
    try (var world = new LaneWorld()) {
      var asked = new CountDownLatch(1);
      var mayAnswer = new CountDownLatch(1);
      var sawEnd = new CompletableFuture<Integer>();
      world.proxy.plays(stream -> {
        stream.accept();
        stream.in().readNBytes(8);
        Thread.startVirtualThread(() -> {
          try {
            sawEnd.complete(stream.in().read());
          } catch (IOException e) {
            sawEnd.completeExceptionally(e);
          }
        });
        asked.countDown();
        mayAnswer.await();
        stream.out().write(ascii("the answer"));
        stream.socket().shutdownOutput();
        sawEnd.get();
      });
      var socket = world.guest.connected();
      socket.send("question");
      socket.finish();
      assertThat(asked.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThatThrownBy(() -> sawEnd.get(100, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      mayAnswer.countDown();
      socket.awaitText("the answer");
      assertThat(sawEnd.get(SECONDS, TimeUnit.SECONDS)).isEqualTo(-1);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
    }
  }

  @Test
  void endsAHalfClosedFlowWhoseFarEndDoesNotAnswer() throws Exception {
    try (var world =
        new LaneWorld(
            new FlowConfig(SHORT, LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, Set.of()),
            1500)) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.send("is anybody there?");
      socket.finish();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      world.awaitNothingOpen();
      assertThat(world.counters().silent).isEqualTo(1);
    }
  }

  /** As a printer does, or a server of syslog: it took 60 s. */
  @Test
  void endsAnUploadToAPortOfUploadsAtOnce() throws Exception {
    var config =
        new FlowConfig(LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, Set.of(80));
    try (var world = new LaneWorld(config, 1500)) {
      var received = new CompletableFuture<String>();
      world.proxy.plays(stream -> {
        stream.accept();
        // What a printer says of itself is no answer.
        stream.out().write(ascii("ready"));
        received.complete(new String(stream.in().readAllBytes(), US_ASCII));
      });
      var socket = world.guest.connected();
      socket.awaitText("ready");
      socket.send("a page");
      socket.finish();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(received.get(SECONDS, TimeUnit.SECONDS)).isEqualTo("a page");
      world.awaitNothingOpen();
      assertThat(world.counters().uploads).isEqualTo(1);
      assertThat(world.counters().ended).isEqualTo(1);
    }
  }

  @Test
  void endsALargeUploadToASilentFarEndAtOnce() throws Exception {
    int length = 300_000;
    try (var world = new LaneWorld()) {
      var received = new CompletableFuture<Integer>();
      world.proxy.plays(stream -> {
        stream.accept();
        received.complete(stream.in().readAllBytes().length);
      });
      var socket = world.guest.connected();
      socket.sendAll(new Sample(8, length), null);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(received.get(SECONDS, TimeUnit.SECONDS)).isEqualTo(length);
      world.awaitNothingOpen();
    }
  }

  /** A clean end would be a lie: whether all was taken, nobody knows. */
  @Test
  void cutsAnUploadWhoseEgressIsGone() throws Exception {
    var config =
        new FlowConfig(LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, Set.of(80));
    try (var world = new LaneWorld(config, 1500)) {
      var taken = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.in().readNBytes(6);
        taken.countDown();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.send("a page");
      assertThat(taken.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      world.proxy.stopListening();
      socket.finish();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().egressLost).isEqualTo(1);
    }
  }

  /** The second connection of FTP, as long as the first is there; of this guest alone. */
  @Test
  void endsAnUploadBesideAControlConnectionAtOnce() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.accept();
        if (stream.port() == 2121) {
          stream.out().write(ascii("220 at your service\r\n"));
        }
        stream.awaitEnd();
      });
      var control = world.guest.connected(2121);
      control.awaitText("220 at your service\r\n");
      var data = world.guest.connected(50_000);
      data.send("a small file");
      data.finish();
      assertThat(data.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(world.counters().uploads).isEqualTo(1);
    }
  }

  @Test
  void waitsForTheAnswerToARequestBesideAControlConnection() throws Exception {
    var shortAnswer =
        new FlowConfig(SHORT, LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, Set.of());
    try (var world = new LaneWorld(shortAnswer, 1500)) {
      world.proxy.plays(stream -> {
        stream.accept();
        if (stream.port() == 2121) {
          stream.out().write(ascii("220 at your service\r\n"));
        }
        stream.awaitEnd();
      });
      world.guest.connected(2121).awaitText("220 at your service\r\n");
      var request = world.guest.connected(8080);
      request.send("GET / HTTP/1.0\r\n\r\n");
      request.finish();
      assertThat(request.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().silent).isEqualTo(1);
      assertThat(world.counters().uploads).isZero();
    }
  }

  @Test
  void oneLineTellsHowAFlowEnded() throws Exception {
    var logger = (Logger) LoggerFactory.getLogger(Flow.class);
    var lines = new ListAppender<ILoggingEvent>();
    var level = logger.getLevel();
    lines.start();
    logger.addAppender(lines);
    logger.setLevel(Level.DEBUG);
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        if (stream.port() == 81) {
          stream.refuse(4);
          return;
        }
        stream.accept();
        stream.in().readNBytes(3);
        stream.out().write(ascii("hello"));
        if (stream.port() == 80) {
          stream.socket().shutdownOutput();
          stream.awaitEnd();
        } else {
          stream.reset();
        }
      });
      var socket = world.guest.connected();
      socket.send("abc");
      socket.awaitText("hello");
      socket.finish();
      socket.awaitClosed();
      world.await("it is told", () -> lines.list.size() == 1);
      var cut = world.guest.connected(82);
      cut.send("abc");
      cut.finish();
      cut.awaitClosed();
      world.await("it is told", () -> lines.list.size() == 2);
      world.guest.connect(GuestHost.FAR, 81).awaitClosed();
      world.await("it is told", () -> lines.list.size() == 3);
    } finally {
      logger.detachAppender(lines);
      logger.setLevel(level);
    }
    assertThat(lines.list.stream().map(ILoggingEvent::getFormattedMessage))
        .satisfiesExactly(
            line ->
                assertThat(line)
                    .matches(".*:80: ended by both; 3 bytes out, 5 in, \\d+\\.\\d{3} s"),
            line ->
                assertThat(line)
                    .matches(
                        onUnixSocket
                            ? ".*:82: ended by both; 3 bytes out, 5 in, .* s"
                            : ".*:82: cut: the stream is gone: Connection reset by peer; 3 bytes out, \\d in, .* s"),
            line -> assertThat(line).matches(".*:81: refused: .*; 0 bytes out, 0 in, .* s"));
  }

  @Test
  void waitsLessWhereTheFarEndSpokeLast() throws Exception {
    try (var world =
        new LaneWorld(
            new FlowConfig(LaneWorld.LONG, SHORT, LaneWorld.LONG, LaneWorld.LONG, Set.of()),
            1500)) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.in().readNBytes(5);
        stream.out().write(ascii("hello"));
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.send("hello");
      socket.awaitText("hello");
      socket.finish();
      socket.awaitClosed();
      world.awaitNothingOpen();
      assertThat(world.counters().endedByGuest).isEqualTo(1);
    }
  }

  @Test
  void doesNotEndAHalfClosedFlowWhoseFarEndGoesOnSpeaking() throws Exception {
    var answer = Duration.ofMillis(400);
    try (var world =
        new LaneWorld(
            new FlowConfig(answer, answer, LaneWorld.LONG, LaneWorld.LONG, Set.of()), 1500)) {
      world.proxy.plays(stream -> {
        stream.accept();
        for (int i = 0; i < 20; i++) {
          stream.out().write('.');
          LockSupport.parkNanos(50_000_000);
        }
        stream.socket().shutdownOutput();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.finish();
      socket.awaitEnd();
      assertThat(socket.text()).isEqualTo(".".repeat(20));
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
    }
  }

  @Test
  void doesNotTakeAGuestThatIsSlowToReadForAFarEndThatIsSilent() throws Exception {
    try (var world =
        new LaneWorld(
            new FlowConfig(SHORT, SHORT, LaneWorld.LONG, LaneWorld.LONG, Set.of()), 1500, SMALL)) {
      int length = 200_000;
      var mayAnswer = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        mayAnswer.await();
        stream.out().write(new byte[length]);
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.reading(false);
      mayAnswer.countDown();
      socket.finish();
      world.await("all is queued", () -> world.counters().bytesIn == length);
      long waits = System.nanoTime() + 4 * SHORT.toNanos();
      world.await("the wait is long over", () -> System.nanoTime() - waits > 0);
      socket.reading(true);
      socket.awaitReceived(length);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().endedByGuest).isEqualTo(1);
    }
  }

  @Test
  void doesNotTakeASlowUploadForAFarEndThatIsSilent() throws Exception {
    var answer = Duration.ofMillis(400);
    try (var world =
        new LaneWorld(
            new FlowConfig(answer, answer, LaneWorld.LONG, LaneWorld.LONG, Set.of()), 1500)) {
      int length = 2 << 20;
      world.proxy.plays(stream -> {
        stream.accept();
        for (int left = length; left > 0; left -= 64 << 10) {
          assertThat(stream.in().readNBytes(64 << 10)).hasSize(64 << 10);
          LockSupport.parkNanos(50_000_000);
        }
        stream.out().write(ascii("got it"));
        stream.socket().shutdownOutput();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      socket.sendAll(new Sample(8, length), null);
      socket.awaitText("got it");
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
    }
  }

  @Test
  void deliversAllOfADownloadThoughTheGuestStillSpeaksToAStreamThatIsGone() throws Exception {
    int length = 300_000;
    try (var world = new LaneWorld(LaneWorld.PATIENT, 1500, SMALL)) {
      var mayWrite = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        mayWrite.await();
        stream.out().write(new byte[length]);
        // As Tor does: the stream has ended, so the socket is closed as a whole.
      });
      var socket = world.guest.connected();
      socket.reading(false);
      mayWrite.countDown();
      world.await("the far end is gone", () -> world.egressCount("liveness_questions") == 1);
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
      while (world.onLoop(() -> world.counters().discardedBytesOut) == 0) {
        assertThat(System.nanoTime() - deadline).as("somebody still takes it").isNegative();
        socket.send("more");
      }
      assertThat(socket.received()).isLessThan(length);
      socket.reading(true);
      socket.awaitReceived(length);
      socket.awaitEnd();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      world.awaitNothingOpen();
      assertThat(world.counters().streamLost).isEqualTo(1);
    }
  }

  @Test
  void doesNotWaitForEverForAProxyThatTakesNoneOfTheGuestsLastBytes() throws Exception {
    var timeouts = new FlowConfig(LaneWorld.LONG, LaneWorld.LONG, SHORT, LaneWorld.LONG, Set.of());
    try (var world = new LaneWorld(timeouts, 1500, SMALL)) {
      var mayEnd = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.socket().shutdownOutput();
        mayEnd.await();
      });
      var socket = world.guest.connected();
      socket.awaitEnd();
      // The guest ends when the socket to the proxy is full, but its own window is not yet closed.
      socket.sendAll(
          most -> world.counters().waitingBytesOut > 0 ? null : new byte[most / 4], null);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      world.await("the stream is given up", () -> world.counters().undrained == 1);
      assertThat(world.onLoop(() -> world.counters().waitingBytesOut)).isZero();
      mayEnd.countDown();
      world.await("no stream is open", () -> world.proxy.open() == 0);
    }
  }

  @Test
  void passesAResetOnEitherWay() throws Exception {
    try (var world = new LaneWorld()) {
      var mayReset = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        mayReset.await();
        stream.reset();
      });
      var first = world.guest.connected();
      // What is a reset at a Unix domain socket is an end with bytes of ours unread.
      first.send("unread");
      world.await(
          "it is on its way",
          () -> world.counters().bytesOut == 6 && world.counters().waitingBytesOut == 0);
      mayReset.countDown();
      assertThat(first.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.counters().streamLost).isEqualTo(1);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.awaitEnd();
      });
      var second = world.guest.connected();
      second.abort();
      world.awaitNothingOpen();
      assertThat(world.counters().resetByGuest).isEqualTo(1);
    }
  }

  @Test
  void endsTheStreamOfAGuestThatDoesNotAnswerAnyMore() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      world.await("it is open", () -> world.counters().opened == 1);
      socket.vanish();
      world.guest.resetsStrangers(true);
      world.onLoop(() -> {
        world.guest.sendTcp(
            GuestHost.ADDRESS,
            socket.localPort(),
            GuestHost.FAR,
            80,
            new TcpHeader().sequence(0x7777_7777).flags(TcpSegment.SYN).window(1000),
            Unpooled.EMPTY_BUFFER);
        return true;
      });
      // The gateway's challenge is answered by a RST, as RFC 5961 has it.
      world.awaitNothingOpen();
    }
  }

  // A proxy that dies.

  @Test
  void resetsTheGuestWhenTheProxyDiesWithAFin() throws Exception {
    try (var world = new LaneWorld()) {
      var open = new CountDownLatch(2);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.out().write(ascii("half of"));
        open.countDown();
        stream.awaitEnd();
      });
      var one = world.guest.connected();
      var two = world.guest.connected();
      one.awaitText("half of");
      two.awaitText("half of");
      assertThat(open.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      world.proxy.die();
      assertThat(one.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(two.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(one.saw(TcpSegment.FIN)).isFalse();
      assertThat(two.saw(TcpSegment.FIN)).isFalse();
      assertThat(world.counters().egressLost).isEqualTo(2);
      world.awaitNothingOpen();
    }
  }

  @Test
  void resetsTheGuestWhenTheProxyDiesWithAReset() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.awaitEnd();
      });
      var socket = world.guest.connected();
      world.proxy.dieWithResets();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(socket.saw(TcpSegment.FIN)).isFalse();
      world.awaitNothingOpen();
    }
  }

  @Test
  void neverEndsADownloadAsWholeThatADyingProxyCutThoughItIsBackBeforeTheGuestHasReadOn()
      throws Exception {
    try (var world = new LaneWorld(LaneWorld.PATIENT, 1500, SMALL)) {
      int length = 3 * StackConfig.MAX_SHARE;
      var written = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.out().write(new byte[length]);
        written.countDown();
        stream.awaitEnd();
      });
      var socket = world.guest.connect(GuestHost.FAR, 80);
      socket.reading(false);
      awaitTakenByTheKernel(written);
      world.await("the queue is full", () -> world.counters().bytesIn > StackConfig.MAX_SHARE);
      world.proxy.die();
      assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.proxy.comeBack();
      socket.reading(true);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(socket.saw(TcpSegment.FIN)).isFalse();
    }
  }

  @Test
  void neverEndsADownloadAsWholeThatADyingProxyCutThoughNobodyAskedForAnythingMeanwhile()
      throws Exception {
    try (var world = new LaneWorld(LaneWorld.PATIENT, 1500, SMALL)) {
      int length = 3 * StackConfig.MAX_SHARE;
      var written = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        stream.accept();
        stream.out().write(new byte[length]);
        written.countDown();
        stream.awaitEnd();
      });
      var socket = world.guest.connect(GuestHost.FAR, 80);
      socket.reading(false);
      awaitTakenByTheKernel(written);
      world.await("the queue is full", () -> world.counters().bytesIn > StackConfig.MAX_SHARE);
      world.proxy.die();
      world.await("it was noticed", () -> world.egressCount("liveness_failures") > 0);
      world.proxy.comeBack();
      socket.reading(true);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(socket.saw(TcpSegment.FIN)).isFalse();
    }
  }

  @Test
  void refusesWhileTheProxyIsDownAndWorksWhenItIsBack() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        stream.acceptWith(ascii("hello"));
        stream.awaitEnd();
      });
      world.guest.connected().awaitText("hello");
      world.proxy.die();
      for (int i = 0; i < 3; i++) {
        assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
            .isEqualTo(CloseReason.REFUSED_BY_PEER);
      }
      world.proxy.comeBack();
      world.guest.connected().awaitText("hello");
      assertThat(world.counters().refused).isEqualTo(3);
    }
  }

  // Many.

  @Test
  void endsCleanlyWhateverManyFlowsAreJustDoing() throws Exception {
    try (var world = new LaneWorld(LaneWorld.PATIENT, 1500, TcpConfig.defaults())) {
      world.proxy.plays(stream -> {
        switch (stream.port() % 5) {
          case 0 -> stream.refuse(5);
          case 1 -> stream.awaitEnd();
          case 2 -> stream.acceptWith(new byte[100_000]);
          case 3 -> {
            stream.accept();
            stream.reset();
          }
          default -> {
            stream.accept();
            stream.in().transferTo(stream.out());
          }
        }
      });
      for (int i = 0; i < 200; i++) {
        var socket = world.guest.connect(GuestHost.FAR, 1000 + i);
        socket.sendAll(new Sample(i, 50_000), null);
      }
      world.await("most were asked for", () -> world.proxy.requests() > 150);
    }
  }
}
