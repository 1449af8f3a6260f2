/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.nio.file.Path;
import java.util.List;
import org.torvtl.tor.process.Torrc;

/**
 * The torrcs of a lab's nodes.
 *
 * @param directory the lab's directory
 * @param subnet its addresses
 * @param authorities what all nodes must know
 * @param ownerPid with which process they end; 0 for none
 */
record LabTorrcs(Path directory, LabSubnet subnet, List<Authority> authorities, long ownerPid) {
  /**
   * A directory authority as others know it.
   *
   * @param node the node
   * @param fingerprint of its relay identity, 40 hexadecimal digits
   * @param v3Identity fingerprint of the key its votes are certified with, 40 hexadecimal digits
   */
  record Authority(LabNode node, String fingerprint, String v3Identity) {}

  /**
   * When the authorities vote before there is a consensus: at times that leave this rest when
   * divided by the interval. Seconds since the epoch.
   */
  record VotingClock(int intervalSeconds, int offsetSeconds) {
    /**
     * Half an hour is the longest interval that tor takes: no vote before that, whatever the time
     * is now.
     */
    static VotingClock farFrom(long nowSeconds) {
      return new VotingClock(1800, (int) ((nowSeconds + 1790) % 1800));
    }

    /**
     * A consensus at this time; should the authorities miss it, the next ones every {@link
     * #RETRY_SECONDS}.
     */
    static VotingClock at(long seconds) {
      return new VotingClock(RETRY_SECONDS, (int) (seconds % RETRY_SECONDS));
    }

    private static final int RETRY_SECONDS = 10;
  }

  /** How long before the consensus is due the authorities vote: as little as tor allows. */
  static final int VOTE_SECONDS = 2, DISTRIBUTION_SECONDS = 2;

  /**
   * What every tor of this network needs, ours or another.
   *
   * <p>All fetch what they need to know from the authorities: just after the start the relays do
   * not have it yet, and a client that asked one of them would wait ten seconds before it asks
   * another. And none uses the KIST scheduler, which sends what the kernel's TCP congestion window
   * takes, every 10 ms: between sockets of one machine that is a third of the throughput, and
   * measures nothing.
   */
  Torrc joining() {
    var torrc =
        new Torrc()
            .add("TestingTorNetwork", 1)
            .add("FetchDirInfoEarly", 1)
            .add("Schedulers", "Vanilla");
    for (var authority : authorities) {
      torrc.add(
          "DirAuthority",
          "%s orport=%d v3ident=%s %s:%d %s"
              .formatted(
                  authority.node().nickname(),
                  LabNode.OR_PORT,
                  authority.v3Identity(),
                  authority.node().address(),
                  LabNode.DIR_PORT,
                  authority.fingerprint()));
    }
    return torrc;
  }

  private Torrc common(LabNode node) {
    var torrc =
        new Torrc()
            .addAll(joining())
            .add("DataDirectory", node.directory(directory))
            .add("Log", "notice file " + node.log(directory))
            .add("SafeLogging", 0)
            .add("RunAsDaemon", 0)
            .add("ShutdownWaitLength", 0)
            .add("AvoidDiskWrites", 1)
            .add("NumCPUs", 1)
            .add("MaxMemInQueues", "256 MBytes");
    if (ownerPid != 0) {
      torrc.add("__OwningControllerProcess", ownerPid);
    }
    return torrc;
  }

  /**
   * A relay, which is an exit to everywhere but the host: what is not the lab's world ends in a
   * namespace without a route.
   */
  Torrc relay(LabNode node) {
    return common(node)
        .add("Nickname", node.nickname())
        .add("Address", node.address())
        .add("ORPort", node.address() + ":" + LabNode.OR_PORT)
        .add("OutboundBindAddress", node.address())
        .add("SocksPort", 0)
        .add("AssumeReachable", 1)
        .add("ExitRelay", 1)
        // Its answers to RESOLVE have the IPv6 addresses of a name, too.
        .add("IPv6Exit", 1)
        // Until it has the consensus itself, some seconds after the network is ready, an exit knows
        // no other relay.
        .add("RefuseUnknownExits", 0)
        .add("ExitPolicy", "reject " + subnet.address(LabSubnet.HOST) + ":*,accept *:*")
        .add("ServerDNSResolvConfFile", resolverFile(directory))
        .add("ServerDNSAllowBrokenConfig", 1)
        .add("ServerDNSAllowNonRFC953Hostnames", 1)
        .add("ServerDNSDetectHijacking", 0)
        .add("ServerDNSTestAddresses", "");
  }

  /** A directory authority. All nodes are guards and exits for it from the start. */
  Torrc authority(LabNode node, VotingClock clock) {
    return relay(node)
        .add("AuthoritativeDirectory", 1)
        .add("V3AuthoritativeDirectory", 1)
        .add("DirPort", node.address() + ":" + LabNode.DIR_PORT)
        .add("TestingV3AuthInitialVotingInterval", clock.intervalSeconds())
        .add("TestingV3AuthInitialVoteDelay", VOTE_SECONDS)
        .add("TestingV3AuthInitialDistDelay", DISTRIBUTION_SECONDS)
        .add("TestingV3AuthVotingStartOffset", clock.offsetSeconds())
        .add("V3AuthVotingInterval", "30 minutes")
        .add("V3AuthVoteDelay", "30 seconds")
        .add("V3AuthDistDelay", "30 seconds")
        .add("V3AuthNIntervalsValid", 96)
        .add("TestingAuthDirTimeToLearnReachability", 0)
        .add("AuthDirTestReachability", 0)
        .add("TestingDirAuthVoteExit", "*")
        .add("TestingDirAuthVoteGuard", "*")
        .add("TestingDirAuthVoteHSDir", "*")
        .add("TestingMinExitFlagThreshold", 0)
        .add("V3BandwidthsFile", bandwidthsFile(directory));
  }

  /** The client; a port of 0 is any. */
  Torrc client(int socksPort, int controlPort) {
    return common(LabNode.client())
        .add("ClientOnly", 1)
        .add("SocksPort", port(socksPort) + " IsolateSOCKSAuth KeepAliveIsolateSOCKSAuth")
        .add("ControlPort", port(controlPort))
        .add("CookieAuthentication", 1)
        .add("CookieAuthFile", LabState.cookieFile(directory));
  }

  private static String port(int number) {
    return "127.0.0.1:" + (number == 0 ? "auto" : Integer.toString(number));
  }

  /** What the authorities take for the relays' measured bandwidths. */
  static Path bandwidthsFile(Path directory) {
    return directory.resolve("bandwidths");
  }

  /**
   * The same bandwidth for every relay. Without it they have what little they had observed of
   * themselves before the vote, some of them nothing, and clients would use one or two of them
   * only. Tor's bandwidth-file specification.
   */
  static String equalBandwidths(Iterable<String> fingerprints, long nowSeconds) {
    var file = new StringBuilder().append(nowSeconds).append("\nversion=1.0.0\n=====\n");
    for (var fingerprint : fingerprints) {
      file.append("node_id=$").append(fingerprint).append(" bw=10000\n");
    }
    return file.toString();
  }

  /** The exits' resolv.conf. */
  static Path resolverFile(Path directory) {
    return directory.resolve("resolv.conf");
  }
}
