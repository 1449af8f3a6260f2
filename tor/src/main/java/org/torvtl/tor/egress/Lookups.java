/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.function.Function;
import java.util.function.Supplier;
import org.torvtl.egress.Answer;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.tor.socks.SocksReply;

/**
 * What Tor's answers to lookups mean. That a name is unknown is believed only when Tor says it
 * twice: it says the same when the exit's resolver has only stumbled.
 */
final class Lookups {
  /** Tells what a lookup's failure says of the port, not of the name. */
  interface PortCheck {
    /** The outcome of a lookup; cancelling it ends the lookup. */
    <T> Future<T> checked(EventLoop loop, Future<T> lookup);
  }

  private final PortCheck port;

  Lookups(PortCheck port) {
    this.port = port;
  }

  /**
   * Puts a question, and once more if the answer is that the name is unknown.
   *
   * @param question puts it to Tor
   * @param found what an answer of Tor's says
   * @return fails with a {@link SocksException}; cancelling it ends the question
   */
  <T> Future<Answer> ask(EventLoop loop, Supplier<Future<T>> question, Function<T, Answer> found) {
    Promise<Answer> answer = loop.newPromise();
    put(loop, question, found, answer, false);
    return answer;
  }

  private <T> void put(
      EventLoop loop,
      Supplier<Future<T>> question,
      Function<T, Answer> found,
      Promise<Answer> answer,
      boolean isDoubted) {
    var asked = port.checked(loop, question.get());
    answer.addListener(done -> {
      if (done.isCancelled()) {
        asked.cancel(false);
      }
    });
    asked.addListener((Future<T> done) -> {
      if (done.isSuccess()) {
        answer.trySuccess(found.apply(done.getNow()));
      } else if (!(done.cause() instanceof SocksException.Refused refused)) {
        answer.tryFailure(done.cause());
      } else if (refused.reply() == SocksReply.HOST_UNREACHABLE && !isDoubted && !answer.isDone()) {
        putAgain(loop, question, found, answer);
      } else if (saysUnknown(refused.reply())) {
        answer.trySuccess(Answer.Unknown.UNKNOWN);
      } else {
        answer.tryFailure(refused);
      }
    });
  }

  private <T> void putAgain(
      EventLoop loop,
      Supplier<Future<T>> question,
      Function<T, Answer> found,
      Promise<Answer> answer) {
    try {
      put(loop, question, found, answer, true);
    } catch (RuntimeException | OutOfMemoryError e) {
      answer.tryFailure(e);
    }
  }

  /**
   * Whether a refusal means that the remote end does not know the name. Tor says "host unreachable"
   * for that; the codes about onion services say it of theirs.
   */
  private static boolean saysUnknown(SocksReply reply) {
    return switch (reply) {
      case HOST_UNREACHABLE,
          ONION_DESCRIPTOR_NOT_FOUND,
          ONION_DESCRIPTOR_INVALID,
          ONION_INTRODUCTION_FAILED,
          ONION_RENDEZVOUS_FAILED,
          ONION_AUTHORIZATION_MISSING,
          ONION_AUTHORIZATION_WRONG,
          ONION_ADDRESS_INVALID,
          ONION_INTRODUCTION_TIMED_OUT ->
          true;
      case GENERAL_FAILURE,
          NOT_ALLOWED,
          NETWORK_UNREACHABLE,
          CONNECTION_REFUSED,
          TTL_EXPIRED,
          COMMAND_NOT_SUPPORTED,
          ADDRESS_TYPE_NOT_SUPPORTED,
          UNASSIGNED ->
          false;
    };
  }
}
