/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Users, and what this process may do.
 *
 * <p>{@link org.torvtl.host.user.Privileges} gives root away once everything that needs it is open,
 * and then looks at every thread: Linux has credentials per thread, and one that kept root would
 * have it for all.
 *
 * <p><b>Root is given away.</b> {@code run} opens the device, prepares tor's directories, and
 * becomes an ordinary user ({@code --user}) before it starts tor or takes a frame. Linux keeps
 * credentials per thread; the C library changes them for all, and {@code Privileges} then reads
 * from {@code /proc} that every thread has the new ids, no supplementary group and no capability,
 * or {@code run} ends. The process is also made undumpable, since the system's own tor may run as
 * the same user, and its later threads and programs cannot gain privileges. Nor can another process
 * of that user send it a signal: SIGTERM is a request to end, at which the guard and the kill
 * switch are removed. The kernel compares the sender's ids with the real and the saved user id of
 * whom it is for, so {@code run} has a number there that no user has, and the user's as its
 * effective one; {@code setpriv} gives tor all of the user's. Three things follow. The user may not
 * be able to read the JDK or the project (root's home is closed), so jars and native libraries are
 * opened before, and programs are started by a plain fork rather than by the JDK's helper; all
 * end-to-end tests run in such a home. What lies in a directory of the user's is touched by that
 * user only: root would follow its links; a directory that another user had is first made root's
 * from the outside in, and then given on, without links and files with a second name. And the run
 * directory's name in {@code /run/torvtl} can only be removed by root: a child that stays root
 * waits for our end and calls rmdir, which is all it does. {@code lab} and {@code demo} stay root,
 * for they have namespaces to clean up.
 */
@NullMarked
package org.torvtl.host.user;

import org.jspecify.annotations.NullMarked;
