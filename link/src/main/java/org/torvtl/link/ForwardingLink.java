/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

/** A link on top of another, which it is like in all that is not overridden. */
public abstract class ForwardingLink implements Link {
  protected final Link link;

  protected ForwardingLink(Link link) {
    this.link = link;
  }

  @Override
  public String name() {
    return link.name();
  }

  @Override
  public Medium medium() {
    return link.medium();
  }

  @Override
  public int mtu() {
    return link.mtu();
  }

  @Override
  public boolean isolatesGuests() {
    return link.isolatesGuests();
  }

  @Override
  public boolean hasTcpOffload() {
    return link.hasTcpOffload();
  }

  @Override
  public LinkCounters counters() {
    return link.counters();
  }
}
