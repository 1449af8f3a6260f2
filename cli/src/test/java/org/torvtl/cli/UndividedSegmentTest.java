/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.torvtl.gateway.IsolationPolicy.Request;
import org.torvtl.gateway.PerGuestIsolation;

class UndividedSegmentTest {
  private static final long FIRST = 0x02_00_00_00_00_01L, SECOND = 0x02_00_00_00_00_02L;

  private final Logger logger = (Logger) LoggerFactory.getLogger(UndividedSegment.class);
  private final ListAppender<ILoggingEvent> appender = new ListAppender<>();
  private int asked;

  @BeforeEach
  void listen() {
    appender.start();
    logger.addAppender(appender);
  }

  @AfterEach
  void stop() {
    logger.detachAppender(appender);
  }

  private UndividedSegment segment(UndividedSegment.Question question) {
    return new UndividedSegment(
        new PerGuestIsolation("vmnet1", new SecureRandom()),
        "vmnet1",
        () -> {
          asked++;
          return question.ask();
        },
        Runnable::run);
  }

  private List<String> said() {
    return appender.list.stream()
        .filter(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
        .map(ILoggingEvent::getFormattedMessage)
        .toList();
  }

  @Test
  void aSecondMacAddressIsToldOnce() {
    var segment = segment(() -> true);
    for (int i = 0; i < 3; i++) {
      assertThat(segment.ownerOf(FIRST)).isEqualTo(FIRST);
    }
    assertThat(said()).isEmpty();
    for (long guest : new long[] {SECOND, FIRST, SECOND, 3, 4}) {
      assertThat(segment.ownerOf(guest)).isEqualTo(guest);
    }
    assertThat(said()).hasSize(1);
    assertThat(said().getFirst())
        .contains("vmnet1", "02:00:00:00:00:02", "impersonate", "-d tap0 -d tap1");
    assertThat(asked).isEqualTo(1);
  }

  @Test
  void whereTheGuardDividesGuestsNothingIsTold() {
    var segment = segment(() -> false);
    segment.ownerOf(FIRST);
    segment.ownerOf(SECOND);
    segment.ownerOf(3);
    assertThat(said()).isEmpty();
    assertThat(asked).isEqualTo(1);
  }

  @Test
  void whereItCannotBeFoundOutItIsTold() {
    var segment =
        segment(() -> {
          throw new IOException("no such device");
        });
    segment.ownerOf(FIRST);
    segment.ownerOf(SECOND);
    assertThat(said()).hasSize(1);
  }

  @Test
  void keysAreThePolicysOwn() {
    var segment = segment(() -> true);
    var key = segment.keyOf(new Request(FIRST, 1, 2, 3));
    assertThat(segment.keyOf(new Request(FIRST, 1, 2, 3))).isEqualTo(key);
    assertThat(segment.keyOf(new Request(SECOND, 1, 2, 3))).isNotEqualTo(key);
    assertThat(said()).isEmpty();
  }
}
