/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * vsftpd behind the exits of a {@link PrivateLab}, at port 21 of its hosts: anybody may upload to
 * {@code incoming}, list it, and download from it. RFC 959.
 */
public final class FtpServer implements Closeable {
  private static final Path PARTS = Path.of("target/ftp");
  private static final String FOLDER = "/run/ftp", INCOMING = FOLDER + "/public/incoming";
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  /**
   * The user is one whose home exists; vsftpd locks the half of it without privileges in the empty
   * folder.
   */
  private static final String CONFIGURATION =
      """
      listen=YES
      background=NO
      seccomp_sandbox=NO
      write_enable=YES
      anonymous_enable=YES
      anon_upload_enable=YES
      anon_umask=022
      no_anon_password=YES
      ftp_username=daemon
      nopriv_user=daemon
      anon_root=%1$s/public
      secure_chroot_dir=%1$s/empty
      xferlog_enable=YES
      log_ftp_protocol=YES
      vsftpd_log_file=%1$s/log
      """
          .formatted(FOLDER);

  private final Machine machine;
  private final RunningCommand command;

  private FtpServer(Machine machine, RunningCommand command) {
    this.machine = machine;
    this.command = command;
  }

  /** Whether {@code make setup} has found a vsftpd for this computer. */
  public static boolean isHere() {
    return Files.exists(
        Path.of(System.getProperty("torvtl.root", "")).resolve(PARTS).resolve("usr/sbin/vsftpd"));
  }

  /** Starts it, with no files, and returns when it listens. */
  public static FtpServer start(Machine machine, PrivateLab lab)
      throws IOException, InterruptedException {
    machine.script(
        """
        mkdir -p "$1"/empty "$2"
        chown daemon "$2"
        """,
        FOLDER,
        INCOMING);
    Files.writeString(machine.file(FOLDER + "/vsftpd.conf"), CONFIGURATION);
    var server =
        new FtpServer(
            machine,
            lab.startInWorld(
                List.of(
                    "bash",
                    "-c",
                    "LD_LIBRARY_PATH=$(echo \"$1\"/usr/lib/*-linux-gnu) exec \"$1\"/usr/sbin/vsftpd \"$2\"",
                    "bash",
                    Machine.PROJECT + "/" + PARTS,
                    FOLDER + "/vsftpd.conf")));
    try {
      Waiting.until("vsftpd to listen", DEADLINE, () -> server.listens(lab));
      return server;
    } catch (InterruptedException | RuntimeException e) {
      e.addSuppressed(new IllegalStateException(server.command.output()));
      server.close();
      throw e;
    }
  }

  private boolean listens(PrivateLab lab) throws IOException, InterruptedException {
    if (!command.isRunning()) {
      throw new IllegalStateException("vsftpd has ended");
    }
    return !lab.startInWorld(List.of("ss", "-Hltn", "sport = 21"))
        .await(DEADLINE)
        .orThrow()
        .line()
        .isEmpty();
  }

  /** SHA-256 of a file that was uploaded, in hexadecimal digits. */
  public String digest(String file) throws IOException, InterruptedException {
    return machine.script("sha256sum <\"$1/$2\" | head -c 64", INCOMING, file).line();
  }

  /** The names of all that was uploaded. */
  public List<String> files() throws IOException, InterruptedException {
    return machine.script("ls \"$1\"", INCOMING).out().lines().toList();
  }

  /** What it was asked, and what it replied. */
  public String log() throws IOException, InterruptedException {
    return machine.script("cat \"$1\"", FOLDER + "/log").out();
  }

  /** Ends it with all its sessions. */
  @Override
  public void close() {
    command.close();
  }
}
