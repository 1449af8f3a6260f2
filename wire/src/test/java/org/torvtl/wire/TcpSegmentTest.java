/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;

class TcpSegmentTest {
  private static final int SOURCE = 0x7F000001;
  private static final int DESTINATION = 0x7F000001;

  private final TcpSegment segment = new TcpSegment();

  private static ByteBuf bytes(String hex) {
    return Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex.replace(" ", "")));
  }

  private static TcpHeader header(TcpOptions options) {
    return new TcpHeader(options).sequence(3).acknowledgment(4).flags(TcpSegment.ACK).window(5);
  }

  private Defect defectOf(String options) {
    var buf = Unpooled.buffer();
    var added = bytes(options);
    buf.writeZero(12).writeByte(((20 + added.readableBytes()) / 4) << 4).writeByte(TcpSegment.ACK);
    buf.writeZero(6).writeBytes(added);
    var defect = segment.wrap(buf, 0, buf.readableBytes()).defectBesidesChecksum();
    return defect == null ? Defect.BAD_VERSION : defect;
  }

  /** A SYN laid out as Linux does; its checksum is computed here, word by word. */
  @Test
  void readsASynOfLinux() {
    var buf =
        bytes(
            "ffff"
                + "9c40 0050 12345678 00000000 a0 02 ffd7 0000 0000"
                + "0204ffd7 0402 080a 0000 0001 0000 0000 01 030307");
    int sum = 0;
    for (int i = 2; i < buf.readableBytes(); i += 2) {
      sum += buf.getUnsignedShort(i);
    }
    sum += 0x7F00 + 1 + 0x7F00 + 1 + 6 + 40;
    sum = (sum & 0xFFFF) + (sum >>> 16);
    sum = (sum & 0xFFFF) + (sum >>> 16);
    buf.setShort(2 + 16, ~sum);

    assertThat(segment.wrap(buf, 2, 40).defect(SOURCE, DESTINATION)).isNull();
    assertThat(segment.sourcePort()).isEqualTo(40_000);
    assertThat(segment.destinationPort()).isEqualTo(80);
    assertThat(segment.sequence()).isEqualTo(0x12345678);
    assertThat(segment.acknowledgment()).isZero();
    assertThat(segment.flags()).isEqualTo(TcpSegment.SYN);
    assertThat(segment.has(TcpSegment.SYN | TcpSegment.ACK)).isFalse();
    assertThat(segment.window()).isEqualTo(0xFFD7);
    assertThat(segment.headerLength()).isEqualTo(40);
    assertThat(segment.payloadLength()).isZero();
    assertThat(segment.sequenceLength()).isEqualTo(1);
    var options = segment.options();
    assertThat(options.mss()).isEqualTo(65_495);
    assertThat(options.sackPermitted()).isTrue();
    assertThat(options.hasTimestamps()).isTrue();
    assertThat(options.timestampValue()).isEqualTo(1);
    assertThat(options.windowScale()).isEqualTo(7);
    assertThat(segment)
        .hasToString(
            "S 40000 > 80 seq 305419896 ack 0 win 65495 len 0"
                + " [ mss 65495 wscale 7 sackOK TS val 1 ecr 0 ]");
  }

  @Test
  void aHeaderReadsAsWritten() {
    var header = header(new TcpOptions().mss(1460)).flags(TcpSegment.SYN | TcpSegment.ACK);
    assertThat(header.has(TcpSegment.SYN | TcpSegment.ACK)).isTrue();
    assertThat(header.has(TcpSegment.SYN | TcpSegment.FIN)).isFalse();
    var buf = Unpooled.buffer(100);
    for (int i = 0; i < 100; i++) {
      buf.writeByte(0xFF);
    }
    segment.wrap(buf, 7, segment.compose(buf, 7, 1, 2, header));
    assertThat(segment.defectBesidesChecksum()).isNull();
    assertThat(segment).hasToString("SA 1 > 2 seq 3 ack 4 win 5 len 0 [ mss 1460 ]");
    int checksumAndUrgentPointer = buf.getInt(7 + TcpSegment.CHECKSUM_OFFSET);
    assertThat(checksumAndUrgentPointer).isZero();
    segment.compose(buf, 7, 1, 2, header.flags(TcpSegment.FIN));
    assertThat(segment.flags()).isEqualTo(TcpSegment.FIN);
  }

  @Test
  void everySingleDamagedBitIsNoticed() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] payload = draw.bytes(0, 50);
          int where = draw.integer(0, 1_000_000);
          var buf = Unpooled.buffer();
          int header = composeAny(buf, payload);
          int length = header + payload.length;
          assertThat(segment.wrap(buf, 0, length).defect(SOURCE, DESTINATION)).isNull();
          int bit = where % (8 * length);
          buf.setByte(bit / 8, buf.getByte(bit / 8) ^ (1 << (bit % 8)));
          assertThat(segment.wrap(buf, 0, length).defect(SOURCE, DESTINATION)).isNotNull();
        });
  }

  private int composeAny(ByteBuf buf, byte[] payload) {
    buf.writeZero(60);
    var options = new TcpOptions().timestamps(77, 88).addSack(5, 9);
    int header = segment.compose(buf, 0, 1, 2, header(options));
    buf.writerIndex(header).writeBytes(payload);
    segment
        .wrap(buf, 0, header + payload.length)
        .updateChecksum(
            InternetChecksum.pseudoHeaderSum(
                SOURCE, DESTINATION, TcpSegment.PROTOCOL, header + payload.length));
    return header;
  }

  @Test
  void aPayloadElsewhereGivesTheSameChecksum() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] payload = draw.bytes(0, 50);
          var together = Unpooled.buffer();
          int header = composeAny(together, payload);
          int expected = segment.checksum();
          long pseudo =
              InternetChecksum.pseudoHeaderSum(
                  SOURCE, DESTINATION, TcpSegment.PROTOCOL, header + payload.length);
          segment.wrap(together, 0, header).updateChecksum(pseudo, Unpooled.wrappedBuffer(payload));
          assertThat(segment.checksum()).isEqualTo(expected);
          // A device with offload adds the bytes of the segment to what stands in the field.
          segment.startChecksum(pseudo).wrap(together, 0, header + payload.length);
          long sum = InternetChecksum.sum(together, 0, header + payload.length);
          assertThat(InternetChecksum.fold(sum)).isEqualTo(expected);
        });
  }

  @Test
  void optionsReadAsWritten() {
    Draws.repeat(
        1000,
        draw -> {
          int mss = draw.integer(0, 65_535);
          int scale = draw.integer(-1, 14);
          boolean sackPermitted = draw.bool();
          boolean timestamps = draw.bool();
          int number = draw.integer();
          int blocks = draw.integer(0, 1);
          var options = new TcpOptions().mss(mss).windowScale(scale).sackPermitted(sackPermitted);
          if (timestamps) {
            options.timestamps(number, ~number);
          }
          for (int i = 0; i < blocks; i++) {
            options.addSack(number + i, number - i);
          }
          var buf = Unpooled.buffer(100).writeZero(100);
          int header = segment.compose(buf, 3, 1, 2, header(options));
          assertThat(header).isEqualTo(20 + options.length());
          assertThat(segment.wrap(buf, 3, header).defectBesidesChecksum()).isNull();
          assertThat(segment.options()).hasToString(options.toString());
        });
  }

  @Test
  void fourSackBlocksFitWithoutTimestampsOnly() {
    var options = new TcpOptions();
    for (int i = 0; i < TcpOptions.MAX_SACK_BLOCKS; i++) {
      options.addSack(i, i + 1);
    }
    var buf = Unpooled.buffer(100).writeZero(100);
    assertThat(segment.compose(buf, 0, 1, 2, header(options))).isEqualTo(56);
    assertThatThrownBy(() -> options.addSack(1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    options.timestamps(1, 2);
    assertThatThrownBy(() -> segment.compose(buf, 0, 1, 2, header(options)))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void unknownOptionsAreSkipped() {
    // Kind 254 with 4 bytes, then MSS; then the end of the list before what looks broken.
    assertThat(defectOf("fe041234 020405b4 00ff02ff")).isEqualTo(Defect.BAD_VERSION);
    assertThat(segment.options().mss()).isEqualTo(1460);
  }

  @Test
  void malformedOptionsAreADefect() {
    for (var options :
        new String[] {
          "02000000", // length 0
          "02010000", // length 1
          "fe05ffff", // beyond the header
          "01010102", // no length
          "0203ff00", // MSS of 3 bytes
          "03040100", // window scale of 4
          "04030000", // SACK-permitted of 3
          "08040000", // timestamps of 4
          "05020000", // SACK without a block
          "0506 00000000 0000", // SACK of half a block
          "0509 00000000 00000000 000000" // SACK of a block less a byte
        }) {
      assertThat(defectOf(options)).as(options).isEqualTo(Defect.BAD_OPTION);
    }
  }

  @Test
  void aHeaderThatDoesNotFitIsADefect() {
    var buf = Unpooled.buffer(100).writeZero(100);
    assertThat(segment.wrap(buf, 0, 19).defectBesidesChecksum()).isEqualTo(Defect.TRUNCATED);
    buf.setByte(12, 0x40);
    assertThat(segment.wrap(buf, 0, 40).defectBesidesChecksum()).isEqualTo(Defect.BAD_LENGTH);
    buf.setByte(12, 0xB0);
    assertThat(segment.wrap(buf, 0, 40).defectBesidesChecksum()).isEqualTo(Defect.TRUNCATED);
  }

  @Test
  void flagsThatContradictEachOtherAreADefect() {
    var buf = Unpooled.buffer(100).writeZero(100).setByte(12, 0x50);
    for (int flags : new int[] {TcpSegment.SYN | TcpSegment.FIN, TcpSegment.SYN | TcpSegment.RST}) {
      buf.setByte(13, flags);
      assertThat(segment.wrap(buf, 0, 20).defectBesidesChecksum()).isEqualTo(Defect.BAD_FLAGS);
    }
  }

  /** Whatever the bytes, an answer and no exception; and nothing beyond the segment is read. */
  @Test
  void anyBytesHaveAnAnswer() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] noise = draw.bytes(0, 80);
          var buf = Unpooled.wrappedBuffer(noise);
          if (noise.length > 13) {
            noise[12] = (byte) (noise[12] | 0x50);
          }
          if (segment.wrap(buf, 0, noise.length).defectBesidesChecksum() == null) {
            assertThat(segment.payloadOffset() + segment.payloadLength()).isEqualTo(noise.length);
            assertThat(segment.options().sackCount()).isBetween(0, TcpOptions.MAX_SACK_BLOCKS);
          }
          assertThat(segment.toString()).isNotEmpty();
        });
  }
}
