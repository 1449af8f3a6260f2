/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress.socket;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SendProgressTest {
  @Test
  void countsFromTheLastSignThatBytesWereTaken() {
    var progress = new SendProgress(1000);
    assertThat(progress.nanosSinceTook(0, 1500)).isEqualTo(500);
    progress.written(2000);
    // The peer has something to read, which it had not at the last look: that is news.
    assertThat(progress.nanosSinceTook(300, 2500)).isZero();
    assertThat(progress.nanosSinceTook(300, 3500)).isEqualTo(1000);
    assertThat(progress.nanosSinceTook(200, 3600)).isZero();
    assertThat(progress.nanosSinceTook(200, 9600)).isEqualTo(6000);
    assertThat(progress.nanosSinceTook(0, 9700)).isZero();
    assertThat(progress.nanosSinceTook(0, 9800)).isEqualTo(100);
  }
}
