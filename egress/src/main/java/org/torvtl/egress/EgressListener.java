/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import java.time.Duration;

/** Is told when an egress goes away and when it is back, on any thread, which it must not block. */
public interface EgressListener {
  /** One that takes no notice. */
  EgressListener NONE =
      new EgressListener() {
        @Override
        public void gone() {}

        @Override
        public void back(Duration away) {}
      };

  /** The egress does not answer any more; what is asked of it fails. Told once until it is back. */
  void gone();

  /**
   * The egress answers again.
   *
   * @param away how long it did not
   */
  void back(Duration away);
}
