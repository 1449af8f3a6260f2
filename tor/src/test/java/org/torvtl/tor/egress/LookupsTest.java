/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.torvtl.egress.Answer;
import org.torvtl.egress.EgressException;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.tor.socks.SocksReply;

/** What Tor's answers to lookups mean, each of them given by the test. */
class LookupsTest {
  private static final InetAddress ADDRESS = InetAddress.ofLiteral("203.0.113.7");

  private final EventLoop loop = new EmbeddedChannel().eventLoop();
  private final List<Promise<InetAddress>> asked = new ArrayList<>();
  private boolean isFaulty;
  private final Lookups lookups =
      new Lookups(
          new Lookups.PortCheck() {
            @Override
            public <T> Future<T> checked(EventLoop on, Future<T> lookup) {
              return lookup;
            }
          });

  private Future<Answer> ask() {
    return lookups.ask(
        loop,
        () -> {
          if (isFaulty) {
            throw new IllegalStateException("a fault");
          }
          asked.add(loop.newPromise());
          return asked.getLast();
        },
        Answer.Address::new);
  }

  private static SocksException refused(SocksReply reply) {
    return SocksException.refused(reply.code());
  }

  @ParameterizedTest
  @EnumSource(value = SocksReply.class, names = "UNASSIGNED", mode = EnumSource.Mode.EXCLUDE)
  void mapsWhatTorSays(SocksReply reply) {
    var answer = ask();
    asked.getFirst().setFailure(refused(reply));
    if (reply == SocksReply.HOST_UNREACHABLE) {
      assertThat(answer.isDone()).as("it is asked again").isFalse();
      asked.getLast().setFailure(refused(reply));
    }
    boolean unknown = reply == SocksReply.HOST_UNREACHABLE || reply.code() >= 0xF0;
    assertThat(answer.isDone()).isTrue();
    if (unknown) {
      assertThat(answer.getNow()).isEqualTo(Answer.Unknown.UNKNOWN);
    } else {
      assertThat(answer.cause()).isInstanceOf(EgressException.class);
      assertThat(((EgressException) answer.cause()).isTemporary()).isFalse();
    }
  }

  /** Tor says the same of a name that is not there and of a resolver that has stumbled. */
  @Test
  void aResolverThatStumblesOnceIsForgiven() {
    var answer = ask();
    asked.getFirst().setFailure(refused(SocksReply.HOST_UNREACHABLE));
    assertThat(asked).hasSize(2);
    asked.getLast().setSuccess(ADDRESS);
    assertThat(answer.getNow()).isEqualTo(new Answer.Address(ADDRESS));
  }

  @Test
  void aProxyThatIsDownIsAFailure() {
    var answer = ask();
    asked.getFirst().setFailure(new IOException("down"));
    assertThat(asked).hasSize(1);
    assertThat(answer.cause()).hasMessage("down");
  }

  @Test
  void aQuestionThatIsCancelledEndsInTorToo() {
    ask().cancel(false);
    assertThat(asked.getFirst().isCancelled()).isTrue();
    var doubted = ask();
    asked.getLast().setFailure(refused(SocksReply.HOST_UNREACHABLE));
    assertThat(asked).hasSize(3);
    doubted.cancel(false);
    assertThat(asked.getLast().isCancelled()).isTrue();
  }

  @Test
  void aQuestionThatCannotBePutAgainIsAFailure() {
    var answer = ask();
    isFaulty = true;
    asked.getFirst().setFailure(refused(SocksReply.HOST_UNREACHABLE));
    assertThat(answer.cause()).hasMessage("a fault");
  }
}
