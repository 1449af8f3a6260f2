/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.Logger;
import org.torvtl.tor.process.SupervisedTor.Event;

/** A standard error that is not read: a pipe of the kernel's, full after 64 KiB. */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StandardErrorTest {
  private static final Duration DEADLINE = Duration.ofSeconds(10);

  private static final Pattern NOTICE =
      Pattern.compile("torvtl: (\\d+) lines were lost here, for standard error was not read");

  /** A line of 100 bytes, with its end. */
  private static final String WORDS = "w".repeat(91);

  private final Pipe pipe;
  private final StandardError error;
  private final PrintStream stream;
  private final BufferedReader reader;

  StandardErrorTest() throws IOException {
    pipe = Pipe.open();
    error = new StandardError(Channels.newOutputStream(pipe.sink()));
    stream = new PrintStream(error, true, UTF_8);
    reader =
        new BufferedReader(new InputStreamReader(Channels.newInputStream(pipe.source()), UTF_8));
  }

  @AfterEach
  void close() throws IOException {
    pipe.source().close();
    pipe.sink().close();
  }

  private static String line(int i) {
    return "%07d %s".formatted(i, WORDS);
  }

  @Test
  void whatIsReadIsWholeAndInOrder() throws Exception {
    var writer =
        Thread.ofVirtual()
            .start(() -> {
              for (int i = 0; i < 2_000; i++) {
                stream.println(line(i));
              }
            });
    for (int i = 0; i < 2_000; i++) {
      assertThat(reader.readLine()).isEqualTo(line(i));
    }
    writer.join();
    assertThat(error.awaitWritten(DEADLINE)).isTrue();
  }

  /** Each thread that said something stood still until it was read. */
  @Test
  void whatIsNotReadStopsNoThreadAndIsCounted() throws Exception {
    int lines = 20_000;
    for (int i = 0; i < lines; i++) {
      stream.println(line(i));
    }
    assertThat(error.awaitWritten(Duration.ofMillis(1))).isFalse();
    int read = 0;
    int lost = 0;
    while (read + lost < lines) {
      var next = reader.readLine();
      var notice = NOTICE.matcher(next);
      if (notice.matches()) {
        lost += Integer.parseInt(notice.group(1));
      } else {
        assertThat(next).isEqualTo(line(read + lost));
        read++;
      }
    }
    assertThat(read * 100).isGreaterThanOrEqualTo(StandardError.CAPACITY_BYTES - 100);
    assertThat(lost).isPositive();
    assertThat(error.awaitWritten(DEADLINE)).isTrue();
    stream.println("and on");
    assertThat(reader.readLine()).isEqualTo("and on");
  }

  @Test
  void aReaderThatIsGoneStopsNoThread() throws Exception {
    pipe.source().close();
    for (int i = 0; i < 10; i++) {
      stream.println(line(i));
      assertThat(error.awaitWritten(DEADLINE)).isTrue();
    }
  }

  /** The thread that reads tor's log tells of it: tor stood still once its pipe was full. */
  @Test
  void warningsOfTorDoNotStopItsReader() {
    try (var report =
        new TorReport(
            new PrintWriter(stream, false, UTF_8),
            new ProgressBar("tor", stream, true),
            Executors.newSingleThreadScheduledExecutor(),
            System::nanoTime)) {
      for (int i = 0; i < 5_000; i++) {
        // Digits are the same kind of warning.
        report.event(new Event.Warning(WORDS + " " + (char) ('a' + i % 26) + "x".repeat(i % 100)));
        report.event(new Event.Bootstrap(i % 100, "conn", "Connecting to a relay"));
      }
    }
    assertThat(error.awaitWritten(Duration.ofMillis(1))).as("it is not read").isFalse();
  }

  /** A gateway's event loops log, as all threads do, through an appender that writes at once. */
  @Test
  void logsDoNotStopTheirThreads() throws Exception {
    var context = new LoggerContext();
    context.setMDCAdapter(new LogbackMDCAdapter());
    var before = System.err;
    System.setErr(stream);
    try {
      var configurator = new JoranConfigurator();
      configurator.setContext(context);
      configurator.doConfigure(Torvtl.class.getResource("/logback.xml"));
      context.start();
      var logger = context.getLogger(Logger.ROOT_LOGGER_NAME);
      for (int i = 0; i < 5_000; i++) {
        logger.error("{}", line(i));
      }
    } finally {
      System.setErr(before);
      context.stop();
    }
    assertThat(error.awaitWritten(Duration.ofMillis(1)))
        .as("it is not read; %s", context.getStatusManager().getCopyOfStatusList())
        .isFalse();
    assertThat(reader.readLine()).endsWith(line(0));
  }
}
