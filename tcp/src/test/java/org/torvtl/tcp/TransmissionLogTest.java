/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TransmissionLogTest {
  private static final long NONE = -1;

  /** What is known of one byte. */
  private static final class Sent {
    long sent;
    boolean reported;
    boolean lost;
    boolean resent;
  }

  /** The same with one record for each byte. */
  private static final class Model {
    private final List<Sent> bytes = new ArrayList<>();
    private int first;

    Sent at(long sequence) {
      return bytes.get((int) sequence);
    }

    int next() {
      return bytes.size();
    }

    void sent(int count, long now) {
      for (int i = 0; i < count; i++) {
        var fresh = new Sent();
        fresh.sent = now;
        bytes.add(fresh);
      }
    }

    long count(java.util.function.Predicate<Sent> wanted) {
      return bytes.subList(first, next()).stream().filter(wanted).count();
    }
  }

  @Test
  void agreesWithAModelThatKnowsEveryByte() {
    var random = new SplittableRandom(1);
    for (int run = 0; run < 300; run++) {
      var log = new TransmissionLog(0);
      var model = new Model();
      long now = 0;
      for (int step = 0; step < 60; step++) {
        now += random.nextInt(3);
        step(log, model, random, now);
        check(log, model);
      }
    }
  }

  private static void step(TransmissionLog log, Model model, SplittableRandom random, long now) {
    int under = model.next() - model.first;
    int choice = random.nextInt(8);
    if (under == 0 || choice < 3) {
      int count = 1 + random.nextInt(40);
      model.sent(count, now);
      log.sent(model.next(), now, 0);
      return;
    }
    int left = model.first + random.nextInt(under);
    int right = left + 1 + random.nextInt(model.next() - left);
    switch (choice) {
      case 3 -> report(log, model, left, right);
      case 4 -> acknowledge(log, model, left);
      case 5 -> {
        long before = now - random.nextInt(6);
        loseSentBefore(log, model, now - random.nextInt(3), left, before);
      }
      case 6 -> resend(log, model, random, now);
      default -> {
        if (random.nextInt(4) == 0) {
          log.loseAll();
          model.bytes.subList(model.first, model.next()).forEach(b -> b.lost = !b.reported);
        } else if (random.nextInt(4) == 0) {
          log.forgetLosses();
          model.bytes.forEach(b -> b.lost = false);
        }
      }
    }
  }

  private static void report(TransmissionLog log, Model model, int left, int right) {
    var heard = new ArrayList<Long>();
    long news = 0;
    long lowest = Long.MAX_VALUE;
    for (int i = left; i < right; i++) {
      var b = model.at(i);
      if (!b.reported) {
        news++;
        lowest = Math.min(lowest, b.sent);
        b.reported = true;
        b.lost = false;
      }
    }
    assertThat(log.report(left, right, (end, sent, resent) -> heard.add(sent))).isEqualTo(news);
    assertThat(heard.isEmpty()).isEqualTo(news == 0);
    if (news > 0) {
      assertThat(heard).contains(lowest);
    }
  }

  private static void acknowledge(TransmissionLog log, Model model, int to) {
    log.acknowledge(
        to,
        (end, sent, resent) -> {
          assertThat(end).isBetween((long) model.first + 1, (long) to);
          assertThat(model.at(end - 1).reported).isFalse();
          assertThat(model.at(end - 1).sent).isEqualTo(sent);
          assertThat(model.at(end - 1).resent).isEqualTo(resent);
        });
    model.first = to;
  }

  private static void loseSentBefore(
      TransmissionLog log, Model model, long sent, long end, long lost) {
    // A range is one transmission, so it is judged by where it ends: cut it there in the model.
    long longest = 0;
    int i = model.first;
    while (i < model.next()) {
      int j = i;
      while (j < model.next() && alike(model.at(j), model.at(i))) {
        j++;
      }
      var b = model.at(i);
      if (!b.reported && !b.lost && (b.sent < sent || (b.sent == sent && j < end))) {
        if (b.sent <= lost) {
          for (int k = i; k < j; k++) {
            model.at(k).lost = true;
          }
        } else {
          longest = Math.max(longest, b.sent - lost);
        }
      }
      i = j;
    }
    long answered = log.loseSentBefore(sent, end, lost);
    // Ranges sent at the moment itself may be cut finer than the model's.
    if (model.count(b -> b.lost) == log.lostBytes()) {
      assertThat(answered).isEqualTo(longest);
    } else {
      log.forgetLosses();
      model.bytes.forEach(b -> b.lost = false);
    }
  }

  private static boolean alike(Sent a, Sent b) {
    return a.sent == b.sent && a.reported == b.reported && a.lost == b.lost && a.resent == b.resent;
  }

  private static void resend(TransmissionLog log, Model model, SplittableRandom random, long now) {
    long from = log.firstLost(NONE);
    if (from == NONE) {
      return;
    }
    long end = Math.min(log.lostUntil(from), from + 1 + random.nextInt(20));
    log.resent(from, end, now);
    for (long i = from; i < end; i++) {
      model.at(i).lost = false;
      model.at(i).resent = true;
      model.at(i).sent = now;
    }
  }

  private static void check(TransmissionLog log, Model model) {
    assertThat(log.end()).isEqualTo(model.next());
    assertThat(log.reportedBytes()).isEqualTo(model.count(b -> b.reported));
    assertThat(log.lostBytes()).isEqualTo(model.count(b -> b.lost));
    assertThat(log.pipe()).isEqualTo(model.count(b -> !b.lost && !b.reported));
    long first = model.first;
    while (first < model.next() && !model.at(first).lost) {
      first++;
    }
    assertThat(log.firstLost(NONE)).isEqualTo(first == model.next() ? NONE : first);
    if (first < model.next()) {
      long end = first;
      while (end < model.next() && model.at(end).lost) {
        end++;
      }
      assertThat(log.lostUntil(first)).isEqualTo(end);
    }
    int runs = 0;
    for (int i = model.first; i < model.next(); i++) {
      boolean starts = i == model.first || !model.at(i - 1).reported;
      runs += starts && model.at(i).reported ? 1 : 0;
    }
    assertThat(log.reportedRuns()).isEqualTo(runs);
  }

  @Test
  void aWindowFullOfSegmentsIsFewRanges() {
    var log = new TransmissionLog(0);
    for (int i = 1; i <= 1000; i++) {
      log.sent(1460L * i, i * 1000L, 60_000);
    }
    assertThat(log.ranges()).isLessThanOrEqualTo(17);
    log.acknowledge(1460L * 990, (end, sent, resent) -> {});
    assertThat(log.ranges()).isEqualTo(1);
  }

  @Test
  void theNumberOfRangesIsBoundedWhateverThePeerReports() {
    var log = new TransmissionLog(0);
    log.sent(1_000_000, 0, 0);
    int refused = 0;
    for (int i = 0; i < 100_000; i += 2) {
      if (log.report(10L * i, 10L * i + 10, (end, sent, resent) -> {}) < 0) {
        refused++;
      }
    }
    assertThat(refused).isPositive();
    assertThat(log.ranges()).isLessThanOrEqualTo(TransmissionLog.MAX_RANGES);
    // What fills a gap still fits.
    assertThat(log.report(10, 20, (end, sent, resent) -> {})).isEqualTo(10);
  }

  /** What a peer can make of one that may queue little is little. */
  @Test
  void aSmallQueueHasFewRanges() {
    var log = new TransmissionLog(0, 16 << 10);
    log.sent(16 << 10, 0, 0);
    for (int i = 0; i < 16 << 10; i += 2) {
      log.report(i, i + 1, (end, sent, resent) -> {});
    }
    assertThat(log.ranges()).isLessThanOrEqualTo(TransmissionLog.LEAST_RANGES);
  }

  @Test
  void theNumberOfRangesIsBoundedHoweverSlowlyWeSend() {
    var log = new TransmissionLog(0);
    for (int i = 1; i <= 20_000; i++) {
      log.sent(i, i * 1_000_000L, 0);
    }
    assertThat(log.ranges()).isLessThanOrEqualTo(TransmissionLog.MAX_RANGES);
    log.loseAll();
    for (int i = 0; i < 20_000; i++) {
      log.resent(i, i + 1, 1_000_000_000L * (i + 1));
    }
    assertThat(log.ranges()).isLessThanOrEqualTo(TransmissionLog.MAX_RANGES + 2);
    assertThat(log.pipe()).isEqualTo(20_000);
  }
}
