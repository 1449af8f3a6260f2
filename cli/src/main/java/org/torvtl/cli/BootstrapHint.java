/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

/** What to look at when tor's bootstrap stands still, by its phase. */
final class BootstrapHint {
  private BootstrapHint() {}

  /**
   * A clause for a person.
   *
   * @param tag the phase's name for programs: control-spec, section "Bootstrap phases"
   */
  static String of(String tag) {
    return switch (tag) {
      case "conn_pt", "conn_done_pt", "ap_conn_pt", "ap_conn_done_pt" ->
          "its pluggable transport reaches no bridge; look at the Bridge lines and the transport's"
              + " program in the --torrc file, they may be out of date";
      case "conn_proxy", "conn_done_proxy", "ap_conn_proxy", "ap_conn_done_proxy" ->
          "the proxy of the --torrc file does not answer";
      case "conn_done",
          "handshake",
          "handshake_done",
          "onehop_create",
          "ap_conn_done",
          "ap_handshake",
          "ap_handshake_done" ->
          "a relay accepts the connection and is not heard after that; a firewall or censor may cut"
              + " it (try bridges by --torrc FILE), or this host's clock is wrong (date -u)";
      case "requesting_status",
          "loading_status",
          "loading_keys",
          "requesting_descriptors",
          "loading_descriptors",
          "enough_dirinfo" ->
          "it waits for the directory of relays; is this host's clock right (date -u)? Tor refuses"
              + " a directory that is not of now; or the network is slow or cut";
      case "circuit_create", "done" ->
          "it builds circuits; is this host's clock right (date -u)? or the network is slow or cut";
      default ->
          "no relay can be reached; is this host online, does a firewall let tor out (TCP ports 443"
              + " and 9001), and is its clock right (date -u)? Where Tor is blocked, give it bridges"
              + " (--torrc FILE)";
    };
  }
}
