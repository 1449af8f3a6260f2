/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.fail;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.CharsetUtil;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.egress.Destination;
import org.torvtl.egress.socket.LastingEpollIoHandler;
import org.torvtl.egress.socket.ReadSizes;
import org.torvtl.tor.socks.ScriptedProxy.Conversation;

/** The client against a scripted server: TCP on both of Netty's transports, and a Unix socket. */
@ParameterizedClass
@EnumSource(SocksClientTest.Transport.class)
class SocksClientTest {
  enum Transport {
    NIO,
    EPOLL,
    UNIX_SOCKET
  }

  private static final long DEADLINE_SECONDS = 10;
  private static final Duration LONG = Duration.ofSeconds(DEADLINE_SECONDS);
  private static final ReadSizes READS = new ReadSizes(1448, 64 << 10);
  private static final SocksCredentials GUEST = new SocksCredentials("guest", "key");
  private static final Destination WEB = Destination.ofIpv4(0xC0000201, 80);
  private static final String CONNECT_WEB = "05 01 00 01 C0000201 0050";

  @Parameter Transport transport = Transport.NIO;

  private @Nullable MultiThreadIoEventLoopGroup group;
  private final Reader reader = new Reader();

  /** Keeps what the pipeline brings, and says when. */
  static final class Reader extends ChannelInboundHandlerAdapter {
    final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      var buffer = (ByteBuf) message;
      events.add(buffer.toString(CharsetUtil.US_ASCII));
      buffer.release();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event == ChannelInputShutdownEvent.INSTANCE) {
        events.add("<end>");
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      events.add("<inactive>");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      events.add("<" + cause + ">");
    }

    String next() throws InterruptedException {
      var event = events.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
      return event == null ? fail("nothing within the deadline") : event;
    }
  }

  @BeforeEach
  void startLoop() {
    group =
        new MultiThreadIoEventLoopGroup(
            1,
            transport == Transport.NIO
                ? NioIoHandler.newFactory()
                : LastingEpollIoHandler.newFactory());
  }

  @AfterEach
  void stopLoop() {
    if (group != null) {
      group.shutdownGracefully(0, DEADLINE_SECONDS, TimeUnit.SECONDS).syncUninterruptibly();
    }
  }

  private EventLoop loop() {
    return group == null ? fail("no loop") : group.next();
  }

  private ScriptedProxy scripted(ScriptedProxy.Script... scripts) throws IOException {
    return transport == Transport.UNIX_SOCKET
        ? ScriptedProxy.onUnixSocket(scripts)
        : ScriptedProxy.onTcp(scripts);
  }

  private Future<Channel> connect(SocketAddress proxy) {
    return new SocksClient(proxy, PeerCheck.ANY, LONG, LONG)
        .connect(loop(), WEB, GUEST, READS, reader);
  }

  private static <T> T get(Future<T> future) throws Exception {
    return future.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
  }

  private static Throwable failure(Future<?> future) throws InterruptedException {
    assertThat(future.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
    var cause = future.cause();
    return cause == null ? fail("it succeeded") : cause;
  }

  @Test
  void opensAStreamToAnAddress() throws Exception {
    ScriptedProxy.Script script =
        with -> {
          with.login().expect(CONNECT_WEB).send(ScriptedProxy.SUCCEEDED);
          with.expect(ScriptedProxy.hex("ping")).send(ScriptedProxy.hex("pong"));
          with.shutdownOutput().expectEnd();
        };
    try (var proxy = scripted(script)) {
      var channel = get(connect(proxy.address()));
      assertThat(channel)
          .isInstanceOf(
              switch (transport) {
                case NIO -> NioSocketChannel.class;
                case EPOLL -> EpollSocketChannel.class;
                case UNIX_SOCKET -> EpollDomainSocketChannel.class;
              });
      assertThat(channel.config().isAutoRead()).isFalse();
      assertThat(channel.config().getOption(ChannelOption.TCP_NODELAY))
          .isEqualTo(transport == Transport.UNIX_SOCKET ? null : Boolean.TRUE);
      assertThat(channel.config().getOption(ChannelOption.ALLOW_HALF_CLOSURE)).isTrue();
      assertThat(channel.pipeline().toMap().values()).containsExactly(reader);

      channel.writeAndFlush(Unpooled.copiedBuffer("ping", CharsetUtil.US_ASCII)).sync();
      channel.read();
      assertThat(reader.next()).isEqualTo("pong");
      channel.read();
      assertThat(reader.next()).isEqualTo("<end>");
      channel.close().sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void sendsANameAsItIs() throws Exception {
    ScriptedProxy.Script script =
        with ->
            with.login()
                .expect("05 01 00 03 0B" + ScriptedProxy.hex("eXample.COM") + "01BB")
                .send(ScriptedProxy.SUCCEEDED)
                .expectEnd();
    try (var proxy = scripted(script)) {
      var destination = new Destination.Name("eXample.COM", 443);
      var client = new SocksClient(proxy.address(), PeerCheck.ANY);
      get(client.connect(loop(), destination, GUEST, READS, reader)).close().sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void opensAStreamToAnIpv6AddressWithoutItsScope() throws Exception {
    ScriptedProxy.Script script =
        with ->
            with.login()
                .expect("05 01 00 04 fe80 0000 0000 0000 0000 0000 0000 0001 0050")
                .send(ScriptedProxy.SUCCEEDED)
                .expectEnd();
    try (var proxy = scripted(script)) {
      var destination = new Destination.Address(InetAddress.getByName("fe80::1%1"), 80);
      var client = new SocksClient(proxy.address(), PeerCheck.ANY);
      get(client.connect(loop(), destination, GUEST, READS, reader)).close().sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void offersNoAuthenticationAloneWithoutCredentials() throws Exception {
    ScriptedProxy.Script script =
        with ->
            with.expect("05 01 00")
                .send(ScriptedProxy.NO_AUTH)
                .expect(CONNECT_WEB)
                .send(ScriptedProxy.SUCCEEDED)
                .expectEnd();
    try (var proxy = scripted(script)) {
      get(new SocksClient(proxy.address(), PeerCheck.ANY).connect(loop(), WEB, null, READS, reader))
          .close()
          .sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void keepsWhatFollowsTheReply() throws Exception {
    ScriptedProxy.Script script =
        with ->
            with.login()
                .expect(CONNECT_WEB)
                .send(ScriptedProxy.SUCCEEDED + ScriptedProxy.hex("220 early"))
                .expectEnd();
    try (var proxy = scripted(script)) {
      var channel = get(connect(proxy.address()));
      channel.read();
      var seen = new StringBuilder();
      while (seen.length() < "220 early".length()) {
        seen.append(reader.next());
      }
      assertThat(seen).hasToString("220 early");
      channel.close().sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void doesNotReadBeforeItIsAsked() throws Exception {
    var sent = new CountDownLatch(1);
    ScriptedProxy.Script script =
        with -> {
          with.login().expect(CONNECT_WEB).send(ScriptedProxy.SUCCEEDED);
          with.expect(ScriptedProxy.hex("go")).send(ScriptedProxy.hex("late"));
          sent.countDown();
          with.expectEnd();
        };
    try (var proxy = scripted(script)) {
      var channel = get(connect(proxy.address()));
      channel.writeAndFlush(Unpooled.copiedBuffer("go", CharsetUtil.US_ASCII)).sync();
      assertThat(sent.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
      // Two full turns of the loop, each of which polls for I/O: a read left over would show here.
      for (int turn = 0; turn < 2; turn++) {
        loop().schedule(() -> {}, 20, TimeUnit.MILLISECONDS).sync();
      }
      assertThat(reader.events).isEmpty();
      channel.read();
      assertThat(reader.next()).isEqualTo("late");
      channel.close().sync();
      proxy.assertPlayed();
    }
  }

  /**
   * A sender that is done long before its bytes are read, as on a slow guest: all of them arrive,
   * then the end, and the other direction is still open.
   */
  @Test
  void losesNothingWhenTheFarEndIsDoneFirst() throws Exception {
    // As much as the kernel takes while nobody reads.
    var length = (transport == Transport.UNIX_SOCKET ? 64 : 256) * 1024;
    var done = new CountDownLatch(1);
    ScriptedProxy.Script script =
        with -> {
          with.login().expect(CONNECT_WEB).send(ScriptedProxy.SUCCEEDED);
          with.send("2e".repeat(length)).shutdownOutput();
          done.countDown();
          with.expect(ScriptedProxy.hex("thanks")).expectEnd();
        };
    try (var proxy = scripted(script)) {
      var channel = get(connect(proxy.address()));
      assertThat(done.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
      int received = 0;
      for (var event = ""; !event.equals("<end>"); ) {
        channel.read();
        event = reader.next();
        received += event.startsWith(".") ? event.length() : 0;
        assertThat(event).isNotEqualTo("<inactive>");
      }
      assertThat(received).isEqualTo(length);
      channel.writeAndFlush(Unpooled.copiedBuffer("thanks", CharsetUtil.US_ASCII)).sync();
      channel.close().sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void takesAnswersByteByByte() throws Exception {
    ScriptedProxy.Script script =
        with ->
            with.expect("05 01 02")
                .sendByteByByte(ScriptedProxy.WITH_PASSWORD)
                .expect("01 05" + ScriptedProxy.hex("guest") + "03" + ScriptedProxy.hex("key"))
                .sendByteByByte(ScriptedProxy.ACCEPTED)
                .expect(CONNECT_WEB)
                .sendByteByByte("05 00 00 04 00112233445566778899aabbccddeeff 0000")
                .expectEnd();
    try (var proxy = scripted(script)) {
      get(connect(proxy.address())).close().sync();
      proxy.assertPlayed();
    }
  }

  @ParameterizedTest
  @EnumSource(value = SocksReply.class, names = "UNASSIGNED", mode = EnumSource.Mode.EXCLUDE)
  void reportsEachReplyCode(SocksReply reply) throws Exception {
    assertRefused(reply.code(), reply);
  }

  @ParameterizedTest
  @ValueSource(ints = {0x09, 0x7F, 0x80, 0xEF, 0xF8, 0xFF})
  void reportsCodesWithoutAMeaning(int code) throws Exception {
    assertRefused(code, SocksReply.UNASSIGNED);
  }

  private void assertRefused(int code, SocksReply reply) throws Exception {
    ScriptedProxy.Script script =
        with -> {
          with.login().expect(CONNECT_WEB).send("05 %02x 00 01 00000000 0000".formatted(code));
          with.expectEnd();
        };
    try (var proxy = scripted(script)) {
      assertThat(failure(connect(proxy.address())))
          .isInstanceOfSatisfying(
              SocksException.Refused.class,
              refused -> {
                assertThat(refused.reply()).isEqualTo(reply);
                assertThat(refused.code()).isEqualTo(code);
              });
      proxy.assertPlayed();
    }
  }

  @Test
  void resolvesANameToEitherFamily() throws Exception {
    for (var reply :
        new String[] {
          "05 00 00 01 CB007107 0000", "05 00 00 04 20010db8" + "00".repeat(12) + "0000"
        }) {
      ScriptedProxy.Script script =
          with ->
              with.login()
                  .expect("05 F0 00 03 0B" + ScriptedProxy.hex("example.com") + "0000")
                  .send(reply)
                  .expectEnd();
      try (var proxy = scripted(script)) {
        var address =
            get(
                new SocksClient(proxy.address(), PeerCheck.ANY)
                    .resolve(loop(), "example.com", GUEST));
        assertThat(address.getHostAddress()).isIn("203.0.113.7", "2001:db8:0:0:0:0:0:0");
        assertThat(address.getAddress()).hasSize(reply.startsWith("05 00 00 01") ? 4 : 16);
        proxy.assertPlayed();
      }
    }
  }

  @Test
  void resolvesAnAddressToAName() throws Exception {
    ScriptedProxy.Script script =
        with ->
            with.login()
                .expect("05 F1 00 01 CB007107 0000")
                .send("05 00 00 03 0B" + ScriptedProxy.hex("example.com") + "0000")
                .expectEnd();
    try (var proxy = scripted(script)) {
      var address = InetAddress.getByName("203.0.113.7");
      assertThat(
              get(
                  new SocksClient(proxy.address(), PeerCheck.ANY)
                      .resolvePtr(loop(), address, GUEST)))
          .isEqualTo("example.com");
      proxy.assertPlayed();
    }
  }

  /** As Tor 0.4.9 sends it: address type 0, with four bytes. */
  @Test
  void understandsTorsFailedResolve() throws Exception {
    ScriptedProxy.Script script =
        with -> {
          with.login().expect("05 F0 00 03 01 61 0000").send("05 04 00 00 00000000 0000");
          with.expectEnd();
        };
    try (var proxy = scripted(script)) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY);
      assertThat(failure(client.resolve(loop(), "a", GUEST)))
          .isInstanceOfSatisfying(
              SocksException.Refused.class,
              e -> assertThat(e.reply()).isEqualTo(SocksReply.HOST_UNREACHABLE));
      proxy.assertPlayed();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "05 00 00 03 01 61 0000", // a name where an address was asked for
        "05 00 00 00 00000000 0000", // no address
        "05 00 00 02 00000000 0000", // an unknown address type
        "04 00 00 01 00000000 0000", // another version
        "48 54 54 50 2f 31 2e 30", // HTTP/1.0
      })
  void callsAnAnswerMalformed(String answer) throws Exception {
    ScriptedProxy.Script script =
        with -> {
          with.login().expect("05 F0 00 03 01 61 0000").send(answer);
          with.expectEnd();
        };
    try (var proxy = scripted(script)) {
      assertThat(
              failure(new SocksClient(proxy.address(), PeerCheck.ANY).resolve(loop(), "a", GUEST)))
          .isInstanceOf(SocksException.MalformedReply.class)
          .hasMessageContaining(proxy.address().toString().replaceFirst("^[^/]*/(?=\\d)", ""));
      proxy.assertPlayed();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"05 00", "05 01", "05 ff"})
  void failsClosedWithoutTheMethodThatIsolates(String method) throws Exception {
    ScriptedProxy.Script script = with -> with.expect("05 01 02").send(method).expectEnd();
    try (var proxy = scripted(script)) {
      assertThat(failure(connect(proxy.address())))
          .isInstanceOf(SocksException.MethodRefused.class)
          .hasMessageContaining("IsolateSOCKSAuth");
      proxy.assertPlayed();
    }
  }

  @Test
  void reportsRefusedCredentials() throws Exception {
    ScriptedProxy.Script script =
        with -> {
          with.expect("05 01 02").send("05 02").expect("01 05" + ScriptedProxy.hex("guest"));
          with.expect("03" + ScriptedProxy.hex("key"));
          with.expect(CONNECT_WEB).send("01 01").expectEnd();
        };
    try (var proxy = scripted(script)) {
      assertThat(failure(connect(proxy.address())))
          .isInstanceOf(SocksException.CredentialsRefused.class);
      proxy.assertPlayed();
    }
  }

  /** Where in the exchange the proxy goes away. */
  enum Stage {
    GREETING {
      @Override
      void reach(Conversation with) throws IOException {
        with.expect("05 01 02");
      }
    },
    CREDENTIALS {
      @Override
      void reach(Conversation with) throws IOException {
        with.expect("05 01 02")
            .send(ScriptedProxy.WITH_PASSWORD)
            .expect("01 05" + ScriptedProxy.hex("guest") + "03" + ScriptedProxy.hex("key"))
            .expect(CONNECT_WEB);
      }
    },
    REQUEST {
      @Override
      void reach(Conversation with) throws IOException {
        with.login().expect(CONNECT_WEB);
      }
    },
    HALF_A_REPLY {
      @Override
      void reach(Conversation with) throws IOException {
        with.login().expect(CONNECT_WEB).send("05 00 00 01");
      }
    };

    abstract void reach(Conversation with) throws IOException;
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void reportsAnEarlyClose(Stage stage) throws Exception {
    ScriptedProxy.Script script =
        with -> {
          stage.reach(with);
          with.shutdownOutput().expectEnd();
        };
    try (var proxy = scripted(script)) {
      assertThat(failure(connect(proxy.address()))).isInstanceOf(SocksException.ProxyClosed.class);
      proxy.assertPlayed();
    }
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void reportsAReset(Stage stage) throws Exception {
    ScriptedProxy.Script script =
        with -> {
          stage.reach(with);
          with.reset();
        };
    try (var proxy = scripted(script)) {
      assertThat(failure(connect(proxy.address()))).isInstanceOf(SocksException.ProxyClosed.class);
      proxy.assertPlayed();
    }
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void timesOut(Stage stage) throws Exception {
    ScriptedProxy.Script script =
        with -> {
          stage.reach(with);
          with.expectEnd();
        };
    try (var proxy = scripted(script)) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, Duration.ofMillis(300));
      assertThat(failure(client.connect(loop(), WEB, GUEST, READS, reader)))
          .isInstanceOf(SocksException.TimedOut.class)
          .hasMessageContaining("300 ms");
      proxy.assertPlayed();
    }
  }

  @Test
  void aCancelledRequestClosesItsConnection() throws Exception {
    var asked = new CountDownLatch(1);
    ScriptedProxy.Script script =
        with -> {
          Stage.CREDENTIALS.reach(with);
          asked.countDown();
          with.expectEnd();
        };
    try (var proxy = scripted(script)) {
      var future = connect(proxy.address());
      assertThat(asked.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(future.cancel(false)).isTrue();
      proxy.assertPlayed();
    }
  }

  @Test
  void anOpenStreamCannotBeCancelled() throws Exception {
    ScriptedProxy.Script script =
        with -> {
          with.login().expect(CONNECT_WEB).send(ScriptedProxy.SUCCEEDED);
          with.expect(ScriptedProxy.hex("x")).expectEnd();
        };
    try (var proxy = scripted(script)) {
      var future = connect(proxy.address());
      var channel = get(future);
      assertThat(future.cancel(false)).isFalse();
      channel.writeAndFlush(Unpooled.copiedBuffer("x", CharsetUtil.US_ASCII)).sync();
      channel.close().sync();
      proxy.assertPlayed();
    }
  }

  @Test
  void reportsAProxyThatIsNotThere() throws Exception {
    SocketAddress gone;
    try (var closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      gone = closed.getLocalSocketAddress();
    }
    assertThat(failure(connect(gone)))
        .isInstanceOf(SocksException.ProxyUnreachable.class)
        .hasMessageContaining(": Connection refused (is Tor running")
        .hasMessageContaining("is Tor running");
  }

  @Test
  void reportsAUnixSocketThatIsNotThere(@TempDir Path folder) throws Exception {
    assumeThat(transport).isEqualTo(Transport.UNIX_SOCKET);
    var address = UnixDomainSocketAddress.of(folder.resolve("socks"));
    assertThat(failure(connect(address)))
        .isInstanceOf(SocksException.ProxyUnreachable.class)
        .hasMessageContaining("unix:" + address)
        .hasMessageContaining("no such socket");
    // What a tor that was killed leaves.
    ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address).close();
    assertThat(failure(connect(address)))
        .isInstanceOf(SocksException.ProxyUnreachable.class)
        .hasMessageContaining(": Connection refused (is Tor running");
  }

  /** Where TCP would wait, the kernel answers at once: that proxy is not gone. */
  @Test
  void aUnixSocketWithAFullBacklogIsBusy(@TempDir Path folder) throws Exception {
    assumeThat(transport).isEqualTo(Transport.UNIX_SOCKET);
    var address = UnixDomainSocketAddress.of(folder.resolve("socks"));
    try (var full = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address, 1);
        var first = SocketChannel.open(address);
        var second = SocketChannel.open(address)) {
      assertThat(first.isConnected() && second.isConnected()).isTrue();
      assertThat(failure(connect(full.getLocalAddress())))
          .isInstanceOfSatisfying(
              SocksException.ProxyBusy.class, busy -> assertThat(busy.isTemporary()).isTrue());
      var client = new SocksClient(full.getLocalAddress(), PeerCheck.ANY, LONG, LONG);
      assertThat(isAlive(client).await().cause())
          .as("nobody knows")
          .isInstanceOf(SocksException.ProxyBusy.class);
      assertThat(client.watch(loop(), LONG).await().cause())
          .isInstanceOf(SocksException.ProxyBusy.class);
    }
  }

  /**
   * A sender that closes altogether, with all its bytes unread: none is lost, and no loop spins.
   */
  @Test
  void losesNothingOfASenderThatHasClosed() throws Exception {
    int length = 64 * 1024;
    ScriptedProxy.Script script =
        with -> {
          with.login().expect(CONNECT_WEB).send(ScriptedProxy.SUCCEEDED);
          with.send("2e".repeat(length));
        };
    try (var proxy = scripted(script)) {
      var channel = get(connect(proxy.address()));
      proxy.assertPlayed();
      int received = 0;
      for (var event = ""; !event.equals("<end>"); ) {
        channel.read();
        event = reader.next();
        received += event.startsWith(".") ? event.length() : 0;
        assertThat(event).isNotEqualTo("<inactive>");
      }
      assertThat(received).isEqualTo(length);
      long before = cpuNanosOfLoop();
      // Nothing else is to come but the hang-up, which epoll reports for as long as it is asked.
      loop().schedule(() -> {}, 200, TimeUnit.MILLISECONDS).sync();
      assertThat(cpuNanosOfLoop() - before).isLessThan(TimeUnit.MILLISECONDS.toNanos(100));
      channel.close().sync();
    }
  }

  private long cpuNanosOfLoop() throws Exception {
    return get(loop().submit(() -> ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime()));
  }

  // Who may be taken for the proxy.

  private record Strangers(boolean connected, boolean greeted) implements PeerCheck {
    @Override
    public boolean passesConnected(Channel channel) {
      return connected;
    }

    @Override
    public boolean passesGreeted(Channel channel) {
      return greeted;
    }
  }

  @Test
  void aStrangerHearsNothing() throws Exception {
    try (var proxy = scripted(Conversation::expectEnd, Conversation::expectEnd)) {
      var client = new SocksClient(proxy.address(), new Strangers(false, true), LONG, LONG);
      assertThat(failure(client.connect(loop(), WEB, GUEST, READS, reader)))
          .isInstanceOf(SocksException.ForeignPeer.class);
      assertThat(get(isAlive(client))).isFalse();
      proxy.assertPlayed();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"05 02", "05 FF"})
  void aStrangerThatHasAcceptedHearsNothingOfAStream(String method) throws Exception {
    ScriptedProxy.Script script = with -> with.expect("05 01 02").send(method).expectEnd();
    try (var proxy = scripted(script, script)) {
      var client = new SocksClient(proxy.address(), new Strangers(true, false), LONG, LONG);
      assertThat(failure(client.resolve(loop(), "a", GUEST)))
          .isInstanceOf(SocksException.ForeignPeer.class);
      assertThat(get(isAlive(client))).isFalse();
      proxy.assertPlayed();
    }
  }

  /** A listener with a full backlog drops the SYN: the connection neither opens nor fails. */
  @Test
  void theTcpConnectionHasATimeoutOfItsOwn() throws Exception {
    try (var full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        var first = new java.net.Socket();
        var second = new java.net.Socket()) {
      first.connect(full.getLocalSocketAddress(), 1000);
      second.connect(full.getLocalSocketAddress(), 1000);
      var client =
          new SocksClient(
              full.getLocalSocketAddress(), PeerCheck.ANY, Duration.ofMillis(300), LONG);
      assertThat(failure(client.connect(loop(), WEB, GUEST, READS, reader)))
          .isInstanceOf(SocksException.ProxyUnreachable.class)
          .hasMessageContaining("timed out");
    }
  }

  // Whether the proxy answers, and what becomes of the connection that asked.

  private Future<Boolean> isAlive(SocksClient client) {
    return client.isAlive(loop(), LONG);
  }

  /** On the loop, as a flow does: only there a ready connection is taken. */
  private Channel connectOnLoop(SocksClient client) throws Exception {
    return get(get(loop().submit(() -> client.connect(loop(), WEB, GUEST, READS, reader))));
  }

  private static ScriptedProxy.Conversation greeting(ScriptedProxy.Conversation with)
      throws IOException {
    return with.expect("05 01 02").send(ScriptedProxy.WITH_PASSWORD);
  }

  private static void stream(ScriptedProxy.Conversation with) throws IOException {
    with.expect("01 05" + ScriptedProxy.hex("guest") + "03" + ScriptedProxy.hex("key"))
        .expect(CONNECT_WEB)
        .send(ScriptedProxy.ACCEPTED)
        .send(ScriptedProxy.SUCCEEDED)
        .expect(ScriptedProxy.hex("ping"))
        .send(ScriptedProxy.hex("pong"))
        .expectEnd();
  }

  private void pingOver(Channel channel) throws Exception {
    channel.writeAndFlush(Unpooled.copiedBuffer("ping", CharsetUtil.US_ASCII)).sync();
    channel.read();
    assertThat(reader.next()).isEqualTo("pong");
    channel.close().sync();
  }

  @Test
  void theConnectionThatAskedServesTheNextStream() throws Exception {
    try (var proxy = scripted(with -> stream(greeting(with)))) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(isAlive(client))).isTrue();
      pingOver(connectOnLoop(client));
      proxy.assertPlayed();
    }
  }

  @Test
  void aStreamWithoutCredentialsHasAConnectionOfItsOwn() throws Exception {
    ScriptedProxy.Script anonymous =
        with ->
            with.expect("05 01 00")
                .send(ScriptedProxy.NO_AUTH)
                .expect(CONNECT_WEB)
                .send(ScriptedProxy.SUCCEEDED)
                .expectEnd();
    try (var proxy = scripted(with -> greeting(with), anonymous)) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(isAlive(client))).isTrue();
      get(get(loop().submit(() -> client.connect(loop(), WEB, null, READS, reader))))
          .close()
          .sync();
      proxy.assertPlayed();
    }
  }

  /** Whether its end is known yet or not. */
  @Test
  void aReadyConnectionThatHasEndedIsReplaced() throws Exception {
    try (var proxy = scripted(with -> greeting(with), with -> stream(greeting(with)))) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(isAlive(client))).isTrue();
      pingOver(connectOnLoop(client));
      proxy.assertPlayed();
    }
  }

  @Test
  void aReadyConnectionThatEndsOnTheRequestIsReplaced() throws Exception {
    ScriptedProxy.Script gone = with -> greeting(with).expect("01 05").reset();
    try (var proxy = scripted(gone, with -> stream(greeting(with)))) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(isAlive(client))).isTrue();
      pingOver(connectOnLoop(client));
      proxy.assertPlayed();
    }
  }

  @Test
  void aRefusalOnAReadyConnectionIsTheAnswer() throws Exception {
    ScriptedProxy.Script refusing =
        with ->
            greeting(with)
                .expect("01 05" + ScriptedProxy.hex("guest") + "03" + ScriptedProxy.hex("key"))
                .expect(CONNECT_WEB)
                .send(ScriptedProxy.ACCEPTED)
                .send("05 05 00 01 00000000 0000")
                .expectEnd();
    try (var proxy = scripted(refusing)) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(isAlive(client))).isTrue();
      var asked = get(loop().submit(() -> client.connect(loop(), WEB, GUEST, READS, reader)));
      assertThat(failure(asked)).isInstanceOf(SocksException.Refused.class);
      proxy.assertPlayed();
    }
  }

  @Test
  void aReadyConnectionThatTalksIsClosed() throws Exception {
    var alive = new CountDownLatch(1);
    ScriptedProxy.Script talking =
        with -> {
          greeting(with);
          awaitQuietly(alive);
          with.send("05 00").expectEnd();
        };
    try (var proxy = scripted(talking)) {
      assertThat(get(isAlive(new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG))))
          .isTrue();
      alive.countDown();
      proxy.assertPlayed();
    }
  }

  // Whether the proxy goes away, however long nothing is asked.

  private Future<Boolean> watch(SocketAddress proxy, Duration longest) {
    return new SocksClient(proxy, PeerCheck.ANY, LONG, LONG).watch(loop(), longest);
  }

  @Test
  void aWatchSaysNothingAndEndsByItself() throws Exception {
    try (var proxy = scripted(Conversation::expectEnd)) {
      assertThat(get(watch(proxy.address(), Duration.ofMillis(50)))).isTrue();
      proxy.assertPlayed();
    }
  }

  @Test
  void aWatchSeesTheProxyGo() throws Exception {
    SocketAddress address;
    try (var proxy = scripted(with -> {}, Conversation::reset)) {
      address = proxy.address();
      assertThat(get(watch(address, LONG))).isFalse();
      assertThat(get(watch(address, LONG))).isFalse();
      proxy.assertPlayed();
    }
    assertThat(get(watch(address, LONG))).isFalse();
  }

  @Test
  void aWatchOfAProxyThatTalksEnds() throws Exception {
    try (var proxy = scripted(with -> with.send("05 00").expectEnd())) {
      assertThat(get(watch(proxy.address(), LONG))).isFalse();
      proxy.assertPlayed();
    }
  }

  private static void awaitQuietly(CountDownLatch latch) throws IOException {
    try {
      assertThat(latch.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Test
  void aProxyThatSaysMoreThanTheMethodIsNotKept() throws Exception {
    ScriptedProxy.Script talking = with -> with.expect("05 01 02").send("05 02 05 00").expectEnd();
    try (var proxy = scripted(talking)) {
      assertThat(get(isAlive(new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG))))
          .isFalse();
      proxy.assertPlayed();
    }
  }

  @Test
  void cancellingClosesAReadyConnectionThatIsInUse() throws Exception {
    var asked = new CountDownLatch(1);
    ScriptedProxy.Script silent =
        with -> {
          greeting(with)
              .expect("01 05" + ScriptedProxy.hex("guest") + "03" + ScriptedProxy.hex("key"))
              .expect(CONNECT_WEB);
          asked.countDown();
          with.expectEnd();
        };
    try (var proxy = scripted(silent)) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(isAlive(client))).isTrue();
      var stream = get(loop().submit(() -> client.connect(loop(), WEB, GUEST, READS, reader)));
      assertThat(asked.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(stream.cancel(false)).isTrue();
      proxy.assertPlayed();
    }
  }

  @Test
  void aProxyThatRefusesTheMethodIsAlive() throws Exception {
    try (var proxy = scripted(with -> with.expect("05 01 02").send("05 FF").expectEnd())) {
      assertThat(get(isAlive(new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG))))
          .isTrue();
      proxy.assertPlayed();
    }
  }

  @Test
  void aProxyThatTakesTheConnectionAndSaysNothingIsNotAlive() throws Exception {
    try (var proxy = scripted(with -> with.expect("05 01 02").expectEnd())) {
      var client = new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
      assertThat(get(client.isAlive(loop(), Duration.ofMillis(200)))).isFalse();
      proxy.assertPlayed();
    }
  }

  @Test
  void aProxyThatEndsTheConnectionIsNotAlive() throws Exception {
    try (var proxy = scripted(with -> with.expect("05 01 02"))) {
      assertThat(get(isAlive(new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG))))
          .isFalse();
    }
  }

  @Test
  void neverResolvesAName() {
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new SocksClient(InetSocketAddress.createUnresolved("localhost", 9050), PeerCheck.ANY));
    var client =
        new SocksClient(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1), PeerCheck.ANY);
    for (var name :
        new String[] {"", ".", "a..b", "bücher.example", "a b", "x".repeat(64), "::1"}) {
      assertThatIllegalArgumentException()
          .as(name)
          .isThrownBy(() -> client.resolve(loop(), name, GUEST));
    }
  }
}
