/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The {@code torvtl} command.
 *
 * <p>{@link org.torvtl.cli.Torvtl} is its entry; a class here is one subcommand or something
 * several share. A command that serves builds up a {@link org.torvtl.cli.Teardown} as it goes: what
 * was opened last is closed first, however the command ends, by itself, by an error, or by a
 * signal.
 *
 * <p>Results go to standard output; progress, logs and errors to standard error. What a user did
 * wrong, or what the machine lacks, is one line that says what happened and what to do, and exit
 * status 1; wrong usage is exit status 2. A stack trace is a defect of ours.
 *
 * <p><b>Only an end that was asked for opens anything.</b> SIGINT and SIGTERM have the guard, the
 * routes and the kill switch removed. SIGHUP says that a terminal was closed or a connection lost,
 * which is no request: they stay, as after SIGKILL. So they do when a device fails, or a start that
 * had taken over from another gateway ({@code Teardown.addFailingClosed}, {@code Hangup}).
 */
@NullMarked
package org.torvtl.cli;

import org.jspecify.annotations.NullMarked;
