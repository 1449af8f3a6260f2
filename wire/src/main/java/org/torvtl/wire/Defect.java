/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

/** What is wrong with a packet that was found malformed; also the name it is counted under. */
public enum Defect {
  /** The packet ends before its header does, or before a length inside it says. */
  TRUNCATED,
  /** A version or type field that makes this another protocol than the one expected. */
  BAD_VERSION,
  /** A length field that contradicts the header it stands in. */
  BAD_LENGTH,
  /** The checksum does not match. */
  BAD_CHECKSUM,
  /** An address no packet on a link may carry in that place. */
  BAD_ADDRESS,
  /** Options that cannot be parsed. */
  BAD_OPTION,
  /** A combination of flags that no implementation may send. */
  BAD_FLAGS
}
