/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.NetworkInterface;

/** Of an interface that is there or not each time it is looked for. */
class LinkObjectionsTest {
  private static final int INDEX = 7;

  private static LinkObjections.Finder there(boolean... times) {
    var answers = new ArrayDeque<Boolean>();
    for (boolean time : times) {
      answers.add(time);
    }
    return index -> answers.remove() ? Optional.of(new NetworkInterface("tap7")) : Optional.empty();
  }

  private static List<String> look(
      LinkObjections.Finder finder, LinkObjections.Look<List<String>> look) throws IOException {
    return LinkObjections.look(finder, INDEX, List.of(), look);
  }

  @Test
  void whatIsThereIsLookedAt() throws IOException {
    assertThat(look(there(true, true), found -> List.of(found.name()))).containsExactly("tap7");
    assertThat(look(there(true), found -> List.of())).isEmpty();
  }

  @Test
  void whatIsGoneIsNot() throws IOException {
    assertThat(look(there(false), found -> List.of(found.name()))).isEmpty();
  }

  /** As a TAP that is closed: /sys does not have it any more, which looked like that of another. */
  @Test
  void nothingIsSaidOfWhatGoesInTheMeantime() throws IOException {
    assertThat(look(there(true, false), found -> List.of("cannot be seen"))).isEmpty();
    assertThat(
            look(
                there(true, false),
                found -> {
                  throw new IOException("no such device");
                }))
        .isEmpty();
  }

  @Test
  void aLookThatFailsIsNotTakenForAGoodOne() {
    assertThatThrownBy(() ->
            look(
                there(true, true),
                found -> {
                  throw new IOException("no memory");
                }))
        .isInstanceOf(IOException.class)
        .hasMessage("no memory");
  }
}
