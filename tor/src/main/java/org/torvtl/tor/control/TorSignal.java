/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

/** The signals a controller can send to Tor. Control-spec, section SIGNAL. */
public enum TorSignal {
  /** Reads the configuration again. */
  RELOAD,
  /** Ends in order: a client at once, a relay after its ShutdownWaitLength. */
  SHUTDOWN,
  /** Ends at once. */
  HALT,
  /** New streams use new circuits. */
  NEWNYM,
  /** Forgets what names resolved to. */
  CLEARDNSCACHE,
  /** Logs what it is doing. */
  HEARTBEAT,
  /** Ends a sleep. */
  ACTIVE,
  /** Starts to sleep: no circuits, no downloads. */
  DORMANT
}
