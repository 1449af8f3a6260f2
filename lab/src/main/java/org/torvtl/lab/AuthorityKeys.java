/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.torvtl.host.system.Command;
import org.torvtl.tor.process.PrivateDirectory;
import org.torvtl.tor.process.Torrc;

/**
 * The keys of a directory authority, made by tor's own programs.
 *
 * @param lab the lab's directory
 * @param node the authority
 */
record AuthorityKeys(Path lab, LabNode node) {
  private static final Pattern V3_IDENTITY =
      Pattern.compile("^fingerprint ([0-9A-F]{40})$", Pattern.MULTILINE);
  private static final Pattern FINGERPRINT =
      Pattern.compile("^\\S+ ((?:[0-9A-F]{4} ?){10})$", Pattern.MULTILINE);

  /** The identity key never leaves the lab's directory, and ends with it. */
  private static final String PASSPHRASE = "lab\n";

  LabTorrcs.Authority make() throws IOException, InterruptedException {
    var directory = node.directory(lab);
    var keys = directory.resolve("keys");
    PrivateDirectory.make(keys);
    var certificate = keys.resolve("authority_certificate");
    Command.runWithInput(
        PASSPHRASE,
        List.of(
            "tor-gencert",
            "--create-identity-key",
            "--passphrase-fd",
            "0",
            "-m",
            "12",
            "-a",
            node.address() + ":" + LabNode.DIR_PORT,
            "-i",
            keys.resolve("authority_identity_key").toString(),
            "-s",
            keys.resolve("authority_signing_key").toString(),
            "-c",
            certificate.toString()));
    var torrc = directory.resolve("torrc.keys");
    new Torrc()
        .add("DataDirectory", directory)
        .add("Nickname", node.nickname())
        .add("Address", node.address())
        .add("ORPort", node.address() + ":" + LabNode.OR_PORT)
        .add("SocksPort", 0)
        .add("Log", "err stderr")
        .write(torrc);
    String listed =
        Command.run(
            "tor", "-f", torrc.toString(), "--defaults-torrc", "/dev/null", "--list-fingerprint");
    return new LabTorrcs.Authority(
        node,
        find(FINGERPRINT, listed, "tor --list-fingerprint").replace(" ", ""),
        find(V3_IDENTITY, Files.readString(certificate), certificate.toString()));
  }

  private static String find(Pattern pattern, String text, String where) throws IOException {
    var match = pattern.matcher(text);
    if (!match.find()) {
      throw new IOException("no fingerprint in " + where + ": " + text.strip());
    }
    return match.group(1);
  }
}
