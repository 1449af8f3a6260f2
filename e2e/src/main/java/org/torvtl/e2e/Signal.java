/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** The signals a user, a terminal or a service manager sends. */
public enum Signal {
  INT,
  TERM,
  HUP,
  KILL,
  USR1,
  USR2,
  QUIT,
  STOP,
  CONT;

  /** Sends this to one process. */
  public void to(ProcessHandle process) throws IOException, InterruptedException {
    send(Long.toString(process.pid()));
  }

  /** Sends this to a process group, as a terminal does on Ctrl-C. */
  public void toGroupOf(ProcessHandle leader) throws IOException, InterruptedException {
    send("-" + leader.pid());
  }

  /** As {@link #toGroupOf}, of a group that may have ended by itself: whether it had not. */
  public boolean reachesGroupOf(ProcessHandle leader) throws IOException, InterruptedException {
    return kill("-" + leader.pid()).exitStatus() == 0;
  }

  private void send(String target) throws IOException, InterruptedException {
    kill(target).orThrow();
  }

  private CommandResult kill(String target) throws IOException, InterruptedException {
    return RunningCommand.start(List.of(), List.of("kill", "-" + name(), "--", target), false)
        .await(Duration.ofSeconds(5));
  }
}
