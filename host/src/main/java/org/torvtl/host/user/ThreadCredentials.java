/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.user;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the kernel lets one thread do. Linux has credentials per thread, not per process. proc(5),
 * {@code /proc/PID/task/TID/status}.
 *
 * @param thread the thread's id
 * @param uids real, effective, saved and file system user id; one if they are all the same
 * @param gids the same for groups
 * @param groups supplementary groups
 * @param capabilities those that are permitted, effective or ambient: a bit each, all three
 *     together
 */
record ThreadCredentials(
    long thread, Set<Integer> uids, Set<Integer> gids, Set<Integer> groups, long capabilities) {

  /** Of every thread that this process has now. */
  static List<ThreadCredentials> ofThisProcess() throws IOException {
    var all = new ArrayList<ThreadCredentials>();
    try (var threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (var thread : threads) {
        try {
          all.add(
              parse(
                  Long.parseLong(thread.getFileName().toString()),
                  Files.readAllLines(thread.resolve("status"))));
        } catch (IOException e) {
          // One that has ended meanwhile does nothing any more.
          if (Files.exists(thread)) {
            throw e;
          }
        }
      }
    }
    return all;
  }

  private static ThreadCredentials parse(long thread, List<String> status) throws IOException {
    var fields = new HashMap<String, String>();
    for (var line : status) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
      }
    }
    return new ThreadCredentials(
        thread,
        ids(field(fields, "Uid")),
        ids(field(fields, "Gid")),
        ids(field(fields, "Groups")),
        capabilities(fields, "CapPrm")
            | capabilities(fields, "CapEff")
            | capabilities(fields, "CapAmb"));
  }

  private static String field(Map<String, String> fields, String name) throws IOException {
    var value = fields.get(name);
    if (value == null) {
      throw new IOException("cannot read the credentials of a thread: /proc does not say " + name);
    }
    return value;
  }

  private static Set<Integer> ids(String text) {
    var ids = new HashSet<Integer>();
    for (var id : text.split("\\s+", -1)) {
      if (!id.isEmpty()) {
        ids.add(Integer.parseUnsignedInt(id));
      }
    }
    return ids;
  }

  private static long capabilities(Map<String, String> fields, String name) throws IOException {
    return Long.parseUnsignedLong(field(fields, name), 16);
  }

  /**
   * Whether the thread is that user, in that user's own group only, and may do nothing more.
   *
   * @param realUid that user's id, or one that no user has
   */
  boolean areNoMoreThan(User user, int realUid) {
    return uids.equals(new HashSet<>(List.of(user.uid(), realUid)))
        && gids.equals(Set.of(user.gid()))
        && groups.isEmpty()
        && capabilities == 0;
  }
}
