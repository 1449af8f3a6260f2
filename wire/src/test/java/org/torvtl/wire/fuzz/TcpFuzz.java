/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import io.netty.buffer.Unpooled;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** TCP segments and their options; those that are read are written, and read again as the same. */
public final class TcpFuzz {
  private TcpFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) {
    var view = new TcpSegment().wrap(Input.buffer(data), Input.OFFSET, data.length);
    if (view.defectBesidesChecksum() != null) {
      return;
    }
    Input.within(data, view.payloadOffset(), view.payloadLength());
    Input.check(
        view.sequenceLength() >= view.payloadLength()
            && view.sequenceLength() <= view.payloadLength() + 2,
        "takes too many sequence numbers");
    var options = view.options();
    Input.check(options.sackCount() <= TcpOptions.MAX_SACK_BLOCKS, "too many SACK blocks");
    if (options.length() <= TcpOptions.MAX_LENGTH) {
      rewrite(view, options);
    }
  }

  private static void rewrite(TcpSegment view, TcpOptions options) {
    var buf = Unpooled.buffer(TcpSegment.MAX_HEADER_LENGTH, TcpSegment.MAX_HEADER_LENGTH);
    var copy = new TcpSegment();
    int header =
        copy.compose(
            buf,
            0,
            view.sourcePort(),
            view.destinationPort(),
            new TcpHeader(options)
                .sequence(view.sequence())
                .acknowledgment(view.acknowledgment())
                .flags(view.flags())
                .window(view.window()));
    var again = new TcpSegment().wrap(buf, 0, header);
    Input.check(again.defectBesidesChecksum() == null, "what was written has a defect");
    Input.check(again.options().toString().equals(options.toString()), "options were changed");
    Input.check(
        again.sequence() == view.sequence() && again.flags() == view.flags(),
        "a field was changed");
  }
}
