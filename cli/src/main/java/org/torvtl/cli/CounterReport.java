/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.PrintWriter;
import org.torvtl.gateway.Gateway;

/** Writes a gateway's counters, as often as it is asked to. */
record CounterReport(Gateway gateway, PrintWriter out) {
  /** Any thread may call it. */
  void write() {
    var text = new StringBuilder("counters:\n");
    CounterTable.lines(gateway.counters()).forEach(line -> text.append(line).append('\n'));
    out.print(text);
    out.flush();
  }
}
