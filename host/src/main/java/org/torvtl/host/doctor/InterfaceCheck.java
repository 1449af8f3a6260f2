/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.doctor;

import java.io.IOException;
import java.util.List;
import org.torvtl.host.net.HostOnly;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.TunDriver;

/** Whether an interface is one for guests. */
public sealed interface InterfaceCheck {
  /** There is no such interface. */
  record Missing() implements InterfaceCheck {}

  /** Its frames are not Ethernet's. */
  record NotEthernet() implements InterfaceCheck {}

  /** What it waits for before packets pass. */
  enum Wait {
    /** Nothing. */
    NONE,
    /** It is down. */
    DOWN,
    /** A TAP that no program holds. */
    PROGRAM,
    /** A bridge without a port that is up. */
    PORT,
    /** The other end of its cable. */
    GUEST
  }

  /**
   * One that could be used.
   *
   * @param isTap whether it is a TAP
   * @param waitsFor what is missing before packets pass
   * @param objections why guests there could get around the gateway; none if they cannot
   * @param isOpenToAll whether any user of this host can attach to it while no program is
   * @param isSharedWithHost whether the host itself has a place on the link
   * @param tellsOtherAddresses whether the host answers there for addresses it has elsewhere
   */
  record Found(
      boolean isTap,
      Wait waitsFor,
      List<HostOnly.Objection> objections,
      boolean isOpenToAll,
      boolean isSharedWithHost,
      boolean tellsOtherAddresses)
      implements InterfaceCheck {}

  /**
   * Looks at an interface.
   *
   * @param isHostThere whether the host would stay on the link
   */
  static InterfaceCheck of(NetworkInterface device, boolean isHostThere) throws IOException {
    if (!device.exists()) {
      return new Missing();
    }
    if (!device.isEthernet()) {
      return new NotEthernet();
    }
    return new Found(
        device.isTap(),
        waits(device),
        HostOnly.objections(device, isHostThere),
        TunDriver.isOpenToAll(device),
        HostOnly.isSharedWithHost(device),
        HostOnly.tellsOtherAddresses(device));
  }

  private static Wait waits(NetworkInterface device) throws IOException {
    if (!device.isUp()) {
      return Wait.DOWN;
    }
    if (device.isRunning()) {
      return Wait.NONE;
    }
    if (device.isTap()) {
      return Wait.PROGRAM;
    }
    return device.driver().startsWith("bridge") ? Wait.PORT : Wait.GUEST;
  }
}
