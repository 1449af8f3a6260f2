/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

/** What the flows of a lane have done. Other threads may read a moment late. */
public final class FlowCounters {
  /** Connections guests asked for, those that came about, and those that were refused. */
  public long requested, opened, refused;

  /** Flows that were open and were cut rather than ended. */
  public long cut;

  /** Payload from guests to the egress, and back. */
  public long bytesOut, bytesIn;
}
