/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running a {@code tor} of our own.
 *
 * <p><b>What comes in</b>: a {@link org.torvtl.tor.process.Torrc}, and what tor says on its
 * standard output. <b>What goes out</b>: the address of its SOCKS port, and events: how far it has
 * bootstrapped, that it went down, that it is up again.
 *
 * <p>{@link org.torvtl.tor.process.TorProcess} is one run of one {@code tor}. It is started in a
 * session of its own, so that Ctrl-C in a terminal reaches us and not it: we end it in order. It is
 * told our process id ({@code __OwningControllerProcess}), so it ends within 15 seconds if we are
 * killed. The system's own torrc has no say.
 *
 * <p>{@link org.torvtl.tor.process.SupervisedTor} is a tor that stays: one that dies unasked is
 * started again, with a growing delay, on the same SOCKS socket. It has two directories. The
 * <em>state directory</em> is tor's DataDirectory and outlives us: entry guards live there, and a
 * client that chose new guards at every start would sooner or later choose a bad one. The <em>run
 * directory</em> holds the SOCKS and control sockets, the cookie and the torrc, and is removed at
 * the end. A lock in the state directory keeps two gateways from sharing it. Both must be {@link
 * org.torvtl.tor.process.PrivateDirectory private}: what tor finds in its torrc, it runs.
 *
 * <p>Root may {@linkplain org.torvtl.tor.process.SupervisedTor#prepare prepare} both directories
 * for another user, become that user, and start tor then. From then on root has no part in what is
 * in them: that user's programs may be bent on having root follow a link. {@link
 * org.torvtl.tor.process.FileOwner} gives directories away, {@link
 * org.torvtl.tor.process.DirectoryReaper} removes what only root can.
 *
 * <p>What tor leaves behind when the gateway is killed by SIGKILL (itself, for some seconds, and
 * the run directory) is found by the next start: process ids are always kept together with the
 * process's start time, so a stranger that got the same id is never taken for ours.
 *
 * <p>Bootstrap progress and the SOCKS port are read from tor's log on standard output rather than
 * from the control port: it is there before the control port is, and it also says why tor did not
 * start.
 *
 * <p><b>A directory of ours was never another's.</b> tor runs the programs its torrc names, so a
 * user who can put a torrc in place runs them as us. {@code PrivateDirectory} walks from the root
 * without following links of others, in folders where no other user can replace what was checked,
 * and demands our user and mode 0700 of the directory itself. A capture is a file that did not
 * exist (O_EXCL), of mode 0600; {@code --pcap-overwrite} removes the old one rather than write into
 * it. With {@code --pcap-size} both of its files are made at the start, since the user we become
 * may make none; they take turns.
 *
 * <p><b>A tor of our own</b> keeps its guards: its state directory outlives the gateway ({@code
 * /var/lib/torvtl/DEVICE}), since choosing new guards at each start would in time choose a bad one.
 * All else it has is removed at the end. It dies with the gateway, within 15 s even if that is
 * killed.
 */
@NullMarked
package org.torvtl.tor.process;

import org.jspecify.annotations.NullMarked;
