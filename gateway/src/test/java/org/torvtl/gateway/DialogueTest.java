/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DialogueTest {
  private final Dialogue dialogue = new Dialogue(50_000);

  private static void guestSays(Dialogue dialogue, String text, int more) {
    dialogue.guestSaid(Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1));
    dialogue.guestSaid(Unpooled.buffer(Math.max(1, more)).writeZero(more));
  }

  private static void farEndSays(Dialogue dialogue, String text) {
    dialogue.farEndSaid(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
  }

  @Test
  void muchToASilentFarEndIsAnUpload() {
    guestSays(dialogue, "\\u0089PNG", Dialogue.UPLOAD_BYTES);
    assertThat(dialogue.isUpload()).isTrue();
    assertThat(dialogue.farEndSpokeLast()).isFalse();
    farEndSays(dialogue, "k");
    assertThat(dialogue.isUpload()).isFalse();
    assertThat(dialogue.farEndSpokeLast()).isTrue();
  }

  @Test
  void aLittleMayBeAQuestion() {
    guestSays(dialogue, "torproject.org\r\n", Dialogue.UPLOAD_BYTES - 16);
    assertThat(dialogue.isUpload()).isFalse();
    guestSays(dialogue, "!", 0);
    assertThat(dialogue.isUpload()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST /", "PUT http://", "PROPPATCH /", "GET /"})
  void aRequestOfHttpIsNoUploadHoweverLong(String request) {
    guestSays(dialogue, request, 1 << 20);
    assertThat(dialogue.isUpload()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {" POST", "POST", "Post /", "PROPPATCHES /", "P"})
  void otherBeginningsAreNone(String text) {
    guestSays(dialogue, text, 1 << 20);
    assertThat(dialogue.isUpload()).isTrue();
  }

  @Test
  void aGreetingMakesAControlConnection() {
    assertThat(new Dialogue(21).isControl()).isTrue();
    assertThat(new Dialogue(990).isControl()).isTrue();
    assertThat(dialogue.isControl()).isFalse();
    farEndSays(dialogue, "220-hello\r\n");
    assertThat(dialogue.isControl()).isTrue();
  }

  @Test
  void whatComesLaterIsNoGreeting() {
    guestSays(dialogue, "?", 0);
    farEndSays(dialogue, "220 bytes\r\n");
    assertThat(dialogue.isControl()).isFalse();
    var other = new Dialogue(50_000);
    farEndSays(other, "22");
    farEndSays(other, "220 no\r\n");
    assertThat(other.isControl()).isFalse();
  }
}
