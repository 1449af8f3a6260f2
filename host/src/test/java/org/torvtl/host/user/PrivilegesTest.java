/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Needs root, and a user nobody. */
@Timeout(60)
class PrivilegesTest {
  private static final String BECAME = "became nobody";

  /** Becomes nobody, starts a thread and a program, and waits to be looked at. */
  static final class Child {
    private Child() {}

    public static void main(String[] arguments) throws Exception {
      var running = new CountDownLatch(4);
      for (int i = 0; i < 4; i++) {
        park("before-" + i, running);
      }
      running.await();
      // Classes must be there before the files they come from cannot be read any more.
      assertThat(ThreadCredentials.ofThisProcess()).isNotEmpty();
      Privileges.become(User.named("nobody").orElseThrow());
      var after = new CountDownLatch(1);
      park("after", after);
      after.await();
      System.setProperty("jdk.lang.Process.launchMechanism", "FORK");
      var program = new ProcessBuilder("sleep", "60").start();
      System.out.println(BECAME + " " + program.pid());
      try {
        int end = System.in.read();
        System.out.println("end " + end);
      } finally {
        program.destroyForcibly().waitFor();
      }
    }

    private static void park(String name, CountDownLatch running) {
      Thread.ofPlatform()
          .daemon()
          .name(name)
          .start(() -> {
            running.countDown();
            try {
              new CountDownLatch(1).await();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          });
    }
  }

  private static Process child() throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Child.class.getName())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static Map<String, String> status(Path thread) throws IOException {
    var fields = new HashMap<String, String>();
    for (var line : Files.readAllLines(thread.resolve("status"))) {
      var parts = line.split(":", 2);
      fields.put(parts[0], parts[1].strip());
    }
    return fields;
  }

  private static List<Path> threads(long pid) throws IOException {
    try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(pid), "task"))) {
      return threads.toList();
    }
  }

  private static void assertUnprivileged(Map<String, String> status, User user) {
    var four = "(" + user.uid() + "\\s*){4}";
    assertThat(status.get("Uid")).as("%s", status).matches(four);
    assertThat(status.get("Gid"))
        .as("%s", status)
        .matches(four.replace("" + user.uid(), "" + user.gid()));
    assertThat(status.get("Groups")).as("%s", status).isEmpty();
    for (var set : List.of("CapPrm", "CapEff", "CapAmb")) {
      assertThat(status.get(set)).as("%s of %s", set, status).matches("0+");
    }
  }

  @Test
  void everyThreadBecomesTheUserForGood() throws Exception {
    var nobody = User.named("nobody").orElseThrow();
    var child = child();
    try (BufferedReader said = child.inputReader()) {
      var line = said.readLine();
      assertThat(line).startsWith(BECAME);
      long program = Long.parseLong(line.substring(BECAME.length() + 1));
      var names = new ArrayList<String>();
      for (var thread : threads(child.pid())) {
        var status = status(thread);
        assertUnprivileged(status, nobody);
        names.add(status.get("Name"));
        if ("after".equals(status.get("Name"))) {
          assertThat(status).containsEntry("NoNewPrivs", "1");
        }
      }
      // Those that were there before, that came after, and those of the JVM's own.
      assertThat(names).contains("before-0", "before-3", "after").hasSizeGreaterThan(8);
      // Memory is shielded: the kernel gives the files of such a process to root.
      assertThat(Files.getAttribute(Path.of("/proc", "" + child.pid(), "mem"), "unix:uid"))
          .isEqualTo(0);
      var programStatus = status(Path.of("/proc", Long.toString(program)));
      assertUnprivileged(programStatus, nobody);
      assertThat(programStatus).containsEntry("NoNewPrivs", "1");

      child.getOutputStream().close();
      assertThat(said.readLine()).isEqualTo("end -1");
      assertThat(child.waitFor()).isZero();
    } finally {
      child.destroyForcibly().waitFor();
    }
  }

  @Test
  void idsOfNobodyAreTakenWhereThereAreAny() {
    var random = new java.util.Random(1);
    assertThat(
            Privileges.nobodys(List.of("         0          0 4294967295"), random).orElseThrow())
        .isBetween(1_879_048_192, 2_147_483_646);
    assertThat(Privileges.nobodys(List.of("0 100000 65536"), random).orElseThrow())
        .isBetween(60_578, 61_183);
    assertThat(Privileges.nobodys(List.of("0 1000 1", "1 100000 60000"), random)).isEmpty();
    assertThat(Privileges.nobodys(List.of(), random)).isEmpty();
  }

  @Test
  void rootIsNobodyToBecome() throws Exception {
    var root = User.named("root").orElseThrow();
    assertThat(root).isEqualTo(new User("root", 0, 0));
    assertThatThrownBy(() -> Privileges.become(root)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void usersAreAsTheSystemHasThem() throws Exception {
    for (var line : Files.readAllLines(Path.of("/etc/passwd"))) {
      var fields = line.split(":", -1);
      assertThat(User.named(fields[0]))
          .contains(
              new User(
                  fields[0],
                  Integer.parseUnsignedInt(fields[2]),
                  Integer.parseUnsignedInt(fields[3])));
    }
    assertThat(User.named("no-such-user-here")).isEmpty();
    assertThat(User.named("")).isEmpty();
  }

  @Test
  void aThreadWithMoreIsSeen() throws Exception {
    var nobody = User.named("nobody").orElseThrow();
    assertThat(ThreadCredentials.ofThisProcess())
        .isNotEmpty()
        .noneMatch(thread -> thread.areNoMoreThan(nobody, nobody.uid()));
  }
}
