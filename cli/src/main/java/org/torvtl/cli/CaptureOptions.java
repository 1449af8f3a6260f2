/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.torvtl.link.CaptureFile;
import org.torvtl.link.CaptureTarget;
import org.torvtl.link.Link;
import org.torvtl.link.PcapngLink;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options that have what guests send and get recorded, and where to. */
final class CaptureOptions {
  private static final String STANDARD_OUTPUT = "-";
  private static final Pattern SIZE = Pattern.compile("(\\d{1,12})([KMG]?)");

  @Option(
      names = "--pcap",
      paramLabel = "FILE",
      description =
          "Record what guests send and get in a new file, for Wireshark or tcpdump (pcapng); '-' is"
              + " standard output. With --lanes, a file for each: x.pcapng, x-1.pcapng ... With"
              + " several devices, a file for each: x-tap0.pcapng, x-tap1.pcapng ...")
  private @Nullable String file;

  @Option(
      names = "--pcap-overwrite",
      description = "With --pcap: remove a FILE that is there, and make it anew.")
  private boolean overwrite;

  @Option(
      names = "--pcap-size",
      paramLabel = "SIZE",
      description =
          "With --pcap: keep the last frames only, at most SIZE bytes (1M or more; K, M and G are"
              + " powers of 1024). They are in FILE and FILE.1, which take turns.")
  private @Nullable String size;

  // Filled in by picocli.
  private CaptureOptions() {}

  /** Whether standard output is for the capture and nothing else. */
  boolean takesStandardOutput() {
    return STANDARD_OUTPUT.equals(file);
  }

  /**
   * Refuses what makes no sense, with nothing made yet.
   *
   * @param lanes those of all devices
   */
  void check(CommandSpec spec, int lanes) {
    if (file == null && (overwrite || size != null)) {
      throw Arguments.wrong(
          spec, (overwrite ? "--pcap-overwrite" : "--pcap-size") + " is for --pcap FILE");
    }
    var unused = boundBytes(spec);
    if (!takesStandardOutput()) {
      return;
    }
    if (overwrite || size != null) {
      throw Arguments.wrong(
          spec, "--pcap - is no file: leave out --pcap-overwrite and --pcap-size");
    }
    if (lanes > 1) {
      throw Arguments.wrong(
          spec,
          "--pcap - takes one capture, and %d lanes or devices make as many".formatted(lanes));
    }
    if (ProgressBar.isTerminal(1)) {
      throw Arguments.wrong(
          spec, "--pcap - is not for a terminal: lead it into a program, as | wireshark -k -i -");
    }
  }

  private long boundBytes(CommandSpec spec) {
    if (size == null) {
      return Long.MAX_VALUE;
    }
    var match = SIZE.matcher(size);
    if (!match.matches()) {
      throw Arguments.wrong(spec, "--pcap-size: '" + size + "' is no size, such as 100M");
    }
    int shift =
        switch (match.group(2)) {
          case "K" -> 10;
          case "M" -> 20;
          case "G" -> 30;
          default -> 0;
        };
    long bytes = Long.parseLong(match.group(1)) << shift;
    if (bytes < CaptureFile.LEAST_BOUND_BYTES) {
      throw Arguments.wrong(spec, "--pcap-size is at least 1M, not " + size);
    }
    return bytes;
  }

  /**
   * Records each link in a file of its own: together they would have to wait for each other.
   *
   * @param device the name of the device if there are several
   * @return the links to use in place of these; the same ones if nothing is to be recorded
   */
  List<Link> record(CommandSpec spec, List<Link> links, @Nullable String device, Teardown teardown)
      throws UserException {
    if (file == null) {
      return links;
    }
    var ofDevice = device == null ? Path.of(file) : withSuffix(Path.of(file), device);
    var recorded = new ArrayList<Link>();
    for (var link : links) {
      recorded.add(
          teardown.add(
              takesStandardOutput()
                  ? recording(spec, link, standardOutput(), "to standard output")
                  : record(spec, link, ofLane(recorded.size(), ofDevice))));
    }
    return recorded;
  }

  /** The file of a lane: {@code x.pcapng}, {@code x-1.pcapng} and so on. */
  private static Path ofLane(int lane, Path file) {
    return lane == 0 ? file : withSuffix(file, Integer.toString(lane));
  }

  private static Path withSuffix(Path file, String suffix) {
    var name = String.valueOf(file.getFileName());
    int dot = name.lastIndexOf('.');
    int end = dot > 0 ? dot : name.length();
    return file.resolveSibling(name.substring(0, end) + "-" + suffix + name.substring(end));
  }

  /** At the end of the process it is closed, so that a program that reads it sees its end. */
  private static CaptureTarget standardOutput() {
    return CaptureTarget.of(new FileOutputStream(FileDescriptor.out).getChannel());
  }

  private PcapngLink record(CommandSpec spec, Link link, Path path) throws UserException {
    try {
      long bound = boundBytes(spec);
      return recording(
          spec,
          link,
          bound == Long.MAX_VALUE
              ? CaptureFile.create(path, overwrite)
              : CaptureFile.createBounded(path, overwrite, bound),
          path.toString());
    } catch (FileAlreadyExistsException e) {
      throw new UserException(
          "cannot record to %s: it is there already (choose another file, or say --pcap-overwrite)"
              .formatted(e.getFile()),
          e);
    } catch (IOException e) {
      throw new UserException(
          "cannot record to %s: %s (choose another file)".formatted(path, UserException.reason(e)),
          e);
    }
  }

  private static PcapngLink recording(
      CommandSpec spec, Link link, CaptureTarget target, String where) {
    PrintWriter err = spec.commandLine().getErr();
    return new PcapngLink(
        link,
        target,
        CaptureOptions::epochNanos,
        failure ->
            err.printf(
                    "cannot write %s any more: %s; traffic passes, but is not recorded from here on%n",
                    where, UserException.reason(failure))
                .flush());
  }

  private static long epochNanos() {
    var now = Instant.now();
    return now.getEpochSecond() * 1_000_000_000L + now.getNano();
  }
}
