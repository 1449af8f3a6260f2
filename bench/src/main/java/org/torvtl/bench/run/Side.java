/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

/** The ways a guest can come to the proxy. */
public enum Side {
  DIRECT("direct SOCKS"),
  REDSOCKS("redsocks"),
  GATEWAY("TorVTL"),
  GATEWAY_WITHOUT_OFFLOADS("TorVTL, offloads off");

  private final String title;

  Side(String title) {
    this.title = title;
  }

  public String title() {
    return title;
  }
}
