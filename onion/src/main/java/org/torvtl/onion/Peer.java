/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import org.jspecify.annotations.Nullable;

/** One router, as its proxy knows it. */
final class Peer {
  /** How far it is; see {@link Proxy}. */
  enum State {
    STARTED,
    OPENING,
    UP,
    SILENT,
    GONE
  }

  final int number;
  final SecurityAssociation association;
  State state = State.STARTED;
  long pid;
  String name;
  @Nullable Endpoint endpoint;
  long repeatNanos;
  int unanswered;
  int exitAddress;

  Peer(int number, SecurityAssociation association) {
    this.number = number;
    this.association = association;
    this.name = "router " + number;
  }

  /** Each router carries one circuit for now, and the two have the same number. */
  int circuit() {
    return number;
  }

  /** Whether it is to be asked again and again. */
  boolean isOpen() {
    return state == State.OPENING || state == State.UP || state == State.SILENT;
  }
}
