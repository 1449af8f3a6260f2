/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpOptions;

/** Ten segments of 100 bytes from sequence number 0 are under way, unless stated otherwise. */
class SackReaderTest {
  private static final long NEXT = 1000;

  private final TcpCounters counters = new TcpCounters();
  private final TransmissionLog log = new TransmissionLog(0);
  private final Rack rack = new Rack(new Timestamps(0), 0, 0, 0);
  private final SackReader reader = new SackReader(counters, log, rack);

  SackReaderTest() {
    for (int i = 1; i <= 10; i++) {
      log.sent(i * 100L, i, 0);
    }
    reader.begin(false, 0, 1000);
  }

  private static TcpOptions blocks(int... edges) {
    var options = new TcpOptions();
    for (int i = 0; i < edges.length; i += 2) {
      options.addSack(edges[i], edges[i + 1]);
    }
    return Outbox.options(options);
  }

  private long read(TcpOptions options) {
    reader.readDuplicate(options, 0, 0, 1000);
    return reader.readReports(options, 0, NEXT);
  }

  @Test
  void countsWhatIsReportedForTheFirstTime() {
    assertThat(read(blocks(200, 400))).isEqualTo(200);
    assertThat(read(blocks(200, 500))).isEqualTo(100);
    assertThat(read(blocks(200, 500))).isZero();
    assertThat(log.reportedBytes()).isEqualTo(300);
  }

  /** The highest block comes first in the option; read so, the path would seem to reorder. */
  @Test
  void takesTheLowestBlockFirst() {
    assertThat(read(blocks(800, 900, 500, 600, 200, 300))).isEqualTo(300);
    assertThat(rack.reordering()).isFalse();
    assertThat(read(blocks(100, 200))).isEqualTo(100);
    assertThat(rack.reordering()).isTrue();
  }

  @Test
  void aBlockOfWhatWasNeverSentIsCounted() {
    assertThat(read(blocks(900, 1001))).isZero();
    assertThat(read(blocks(300, 200))).isZero();
    assertThat(counters.badSackBlocks()).isEqualTo(2);
    assertThat(log.reportedBytes()).isZero();
  }

  @Test
  void aBlockBelowTheAcknowledgmentIsADuplicate() {
    var options = blocks(100, 200, 500, 600);
    assertThat(reader.readDuplicate(options, 300, 300, 1000)).isTrue();
    assertThat(reader.duplicateLeft()).isEqualTo(100);
    assertThat(reader.duplicateRight()).isEqualTo(200);
    assertThat(counters.duplicatesReported()).isEqualTo(1);
    assertThat(reader.readReports(options, 300, NEXT)).isEqualTo(100);
  }

  @Test
  void aBlockInsideTheSecondIsADuplicate() {
    var options = blocks(500, 600, 400, 700);
    assertThat(reader.readDuplicate(options, 0, 0, 1000)).isTrue();
    assertThat(reader.readReports(options, 0, NEXT)).isEqualTo(300);
    assertThat(reader.readDuplicate(blocks(500, 600, 510, 700), 0, 0, 1000)).isFalse();
  }

  @Test
  void aDuplicateOfLongAgoIsNotBelieved() {
    assertThat(reader.readDuplicate(blocks(100, 200), 300, 300, 200)).isTrue();
    assertThat(reader.readDuplicate(blocks(100, 200), 300, 300, 199)).isFalse();
    assertThat(reader.readDuplicate(blocks(), 300, 300, 1000)).isFalse();
  }
}
