# SPDX-License-Identifier: Apache-2.0
#
# Keeps the privilege to change the guard's tables. Run by GuardKeeper, which has the protocol.
#
# Argument: the tables' name. What no other user may read comes by standard input.

# No program reads requests.
exec 3<&0 </dev/null 2>/dev/null
# A service manager ends all processes of a service; this one ends behind the gateway.
# Nor does it end when nobody reads its answers any more.
trap '' HUP INT TERM PIPE USR1 USR2
# No word is the name of a file, whatever an interface is called.
set -f
LC_ALL=C
export LC_ALL
table=$1
newline='
'
# A bridge of 1,023 ports with 128 MAC addresses each takes 7 MB and 25,000 lines.
bytes_at_most=8388608 lines_at_most=32768
# What the statements since the last new table may take: many more of them fill the kernel's memory.
bytes_in_all=67108864

# What GuardRules begins a new version with.
anew=''
for family in netdev inet arp; do
  anew="${anew}add table $family $table${newline}delete table $family $table$newline"
done

read -r marks <&3 || exit
read -r mac <&3 || exit
# The indexes of the gateway's devices, and of the bridges that they have been ports of.
read -r devices <&3 || exit

# All that GuardRules writes, and no more: a program that has taken over the gateway can open the
# guests' link, but cannot use this privilege on anything else of the host. One line has one
# statement: no semicolon ends it early, and nothing is included. Marks and interfaces are looked
# at by $survey: everybody may read what grep is called with.
name='[a-z]+_[0-9a-f_]+'
macs='[0-9a-f]{2}(:[0-9a-f]{2}){5}(, [0-9a-f]{2}(:[0-9a-f]{2}){5})*'
interface='"[A-Za-z0-9_.@+=,~-]+"'
interfaces="[{] $interface(, $interface)* [}]"
hook="hook (ingress|egress) device $interface"
some='0x[0-9a-f]{8}'
group='ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop'
limit='limit rate over [0-9]+( [km]bytes)?/second burst [0-9]+ (packets|[km]bytes) drop'
unicast='ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00'
allowed="add table (netdev|inet|arp) $table
delete table (netdev|inet|arp) $table
(add|flush|delete) chain netdev $table $name
add chain netdev $table $name [{] type filter $hook priority -500; [}]
add chain inet $table over [{] type filter hook forward priority -500; [}]
add chain inet $table heard [{] type filter hook prerouting priority -500; [}]
add chain arp $table heard [{] type filter hook input priority -500; [}]
add rule inet $table over iifname $interfaces drop
add rule inet $table heard iifname $interfaces (drop|notrack)
add rule arp $table heard iifname $interfaces drop
add rule (inet|arp) $table heard $group
add rule (inet|arp) $table heard meta mark == $some drop
add rule netdev $table $name drop
add rule netdev $table $name meta mark != $some drop
add rule netdev $table $name meta mark set $some
add rule netdev $table $name $group
add rule netdev $table $name ether saddr $mac drop
add rule netdev $table $name $unicast ether daddr != $mac drop
add rule netdev $table $name ether type [{] 8021q, 8021ad [}] vlan id != 0 drop
add rule netdev $table $name jump $name
add rule netdev $table $name ether saddr @macs_[0-9]+ accept
add rule netdev $table $name ether saddr @owned drop
add rule netdev $table $name add @macs_[0-9]+ [{] ether saddr [}] add @owned [{] ether saddr [}] accept
add rule netdev $table $name $unicast ether daddr != @macs_[0-9]+ drop
add rule netdev $table $name ether type != (ip|[{] ip, arp [}]) $limit
add rule netdev $table $name ip protocol != (tcp|[{] icmp, tcp, udp [}]) $limit
add rule netdev $table $name ip protocol udp ip frag-off & 0x3fff != 0 $limit
add rule netdev $table $name udp dport (!= )?53 $limit
add rule netdev $table $name ip protocol tcp( ip length < [0-9]+)? $limit
add rule netdev $table $name tcp flags & [(]syn [|] ack[)] == syn $limit
add set netdev $table owned [{] type ether_addr; size 131072; flags dynamic; [}]
add set netdev $table macs_[0-9]+ [{] type ether_addr; size 128; flags dynamic; [}]
add element netdev $table (owned|macs_[0-9]+) [{] $macs [}]
delete element netdev $table owned [{] $macs [}]
delete set netdev $table macs_[0-9]+"

# An awk program. It reads the marks; devices; the ports that were isolated here; the members of the
# last request; the interfaces of
# "ip -d -j link show", with a line for each brace; a dot; the port lines of a request; a dot; and
# its statements. It writes what is to be done beside them, a step a line, and "fine"; or why not.
#
# "near" are the interfaces that stand on one another with the gateway's devices, at any remove: the
# guard's are among them. A veth does not stand on its other end. What was a member stays near: a
# port that has left its bridge.
# shellcheck disable=SC2016
survey='
function field(key,  text) {
  if (!match($0, ",\"" key "\":\"[^\"]*\"")) return ""
  text = substr($0, RSTART, RLENGTH - 1)
  sub(/^,"[a-z]*":"/, "", text)
  return text
}
function interface() {
  if ($0 ~ /^"ifindex":[0-9]+,/) {
    index_ = substr($0, 11) + 0
    name = field("ifname")
    if (name == "") return
    names[index_] = name; indexes[name] = index_
    masters[name] = field("master"); lowers[name] = field("link")
    isPort = 0
    return
  }
  if (name == "") return
  # Behind another brace, such as that of "xdp".
  if (masters[name] == "") masters[name] = field("master")
  if ($0 ~ /^"info_kind":"veth"/) lowers[name] = ""
  else if ($0 ~ /^"info_kind":"bridge"/) kinds[name] = "bridge"
  else if (isPort) isolated[name] = $0 ~ /,"isolated":true[,}]/
  isPort = $0 ~ /"info_slave_kind":"bridge","info_slave_data":$/
}
function links(  i, at, bridge, more) {
  for (at in before) if (at in names) near[names[at]]
  for (i = 1; i <= known; i++) have[devices[i]]
  for (i = 1; i <= known; i++) {
    print "device", devices[i]
    if (!(devices[i] in names)) continue
    at = names[devices[i]]
    near[at]
    bridge = kinds[at] == "bridge" ? at : masters[at]
    if (kinds[bridge] != "bridge") continue
    near[bridge]; bridges[bridge]
    if (!(indexes[bridge] in have)) {
      have[indexes[bridge]]
      print "device", indexes[bridge]
    }
  }
  do {
    more = 0
    for (at in indexes) {
      if (at in near) {
        if (masters[at] != "" && !(masters[at] in near)) { near[masters[at]]; more = 1 }
        if (lowers[at] != "" && !(lowers[at] in near)) { near[lowers[at]]; more = 1 }
      } else if (masters[at] in near || lowers[at] in near) { near[at]; more = 1 }
    }
  } while (more)
}
function refuse() { print "refused:", $0; refused = 1; exit }
function port(  at) {
  at = names[$2]
  if ($0 ~ /^member [0-9]+$/) {
    # One that is gone is no member; another may get its number.
    if (at != "" && !(at in near)) refuse()
    if (at != "") print
  } else if ($0 ~ /^guest [0-9]+$/) {
    if (!(masters[at] in bridges)) refuse()
    if ($2 in ours || !isolated[at]) print "ours", $2
    if (!isolated[at]) print "isolate", at
  } else if ($0 ~ /^entry [0-9]+ (self|master)$/) {
    if ($3 == "master") at = masters[at]
    if (!(at in bridges)) refuse()
    print
  } else refuse()
}
function statement(  parts, n, i) {
  if (++lines > most) refuse()
  if ($0 ~ / meta mark / && !($9 in marks)) refuse()
  if ($0 !~ /"/) return
  n = split($0, parts, "\"")
  for (i = 2; i <= n; i += 2) {
    if (!(parts[i] in near)) refuse()
    if ($0 ~ /notrack$/ && !(parts[i] in bridges)) refuse()
  }
}
NR == 1 { marks[$1]; marks[$2]; next }
NR == 2 { known = split($0, devices, " "); next }
NR == 3 { for (i = 1; i <= NF; i++) ours[$i]; next }
NR == 4 { for (i = 1; i <= NF; i++) before[$i]; next }
dots < 2 && $0 == "." { if (!dots++) links(); next }
dots == 0 { interface(); next }
dots == 1 { port(); next }
{ statement() }
END { if (dots == 2 && !refused) print "fine" }
'

# All interfaces, index and name.
interfaces() {
  ip -j link show | tr '{' '\n' | sed -n 's/^"ifindex":\([0-9]*\),.*"ifname":"\([^"]*\)".*/\1 \2/p'
}

# Reads the names of interfaces, for $named.
look() {
  links=$newline$(interfaces)$newline
}

# Sets $at to the name of an interface; to nothing if it is gone.
named() {
  at=''
  case $links in
  *"$newline$1 "*)
    at=${links#*"$newline$1 "}
    at=${at%%"$newline"*}
    ;;
  esac
}

# A forwarding table's word for an entry that no frame moves.
fixed() {
  case $1 in
  self) echo permanent ;;
  master) echo "static sticky" ;;
  esac
}

# Removes the forwarding entries that are there on account of the gateway.
forget() {
  while [ $# -gt 0 ]; do
    named "$1"
    [ -z "$at" ] || bridge fdb delete "$mac" dev "$at" "$2" >&2
    shift 2
  done
}

enter() {
  while [ $# -gt 0 ]; do
    named "$1"
    # The words are to be split.
    # shellcheck disable=SC2046
    if ! reason=$(bridge fdb replace "$mac" dev "$at" "$2" $(fixed "$2") 2>&1); then
      answer="failed: the bridge does not take the gateway's address at $at: $reason"
      return
    fi
    shift 2
  done
}

# Isolates ports, so that no guest hears another even while the rules are gone.
isolate() {
  [ $# -gt 0 ] || return 0
  if ! reason=$(printf 'link set dev %s isolated on\n' "$@" | bridge -batch - 2>&1); then
    answer="failed: the bridge does not isolate the guests' ports: $reason"
  fi
}

join() {
  interfaces | awk -v ports="$*" '
    BEGIN { n = split(ports, list, " "); for (i = 1; i <= n; i++) ours[list[i]] }
    $1 in ours { print "link set dev", $2, "isolated off" }
  ' | bridge -force -batch - >&2
}

# The ports that were isolated here, for a keeper that takes over after this one.
record() {
  printf 'add table netdev %s\nadd set netdev %s isolated { type mark; }\nflush set netdev %s isolated\n' "$table" "$table" "$table"
  for port; do
    printf 'add element netdev %s isolated { %s }\n' "$table" "$port"
  done
}

recorded() {
  timeout -s KILL 5 nft -n list set netdev "$table" isolated | tr -s '{}, \t' '\n' | while read -r word; do
    case $word in
    0x*) echo "$((word))" ;;
    esac
  done
}

# The interfaces that a keeper before this one has silenced: a port may have left its bridge.
silenced() {
  {
    timeout -s KILL 5 nft list table netdev "$table" | sed -n 's/.* device "\([^"]*\)" .*/\1/p'
    echo .
    interfaces
  } | awk '$0 == "." { dot = 1 } !dot { names[$1] } dot && $2 in names { print $1 }'
}

# Whether a length is valid.
is_length() {
  case $1 in
  '' | *[!0-9]* | ????????*) return 1 ;;
  esac
  [ "$1" -le $bytes_at_most ]
}

# Reads bytes, of which the last ends a line, and no more; the shell would read them one by one.
take() {
  taken=''
  [ "$1" -gt 0 ] || return 0
  taken=$(dd bs="$1" count=1 iflag=fullblock <&3)
  # Fewer are half of what was meant: the gateway was killed.
  [ $((${#taken} + 1)) = "$1" ]
}

# Looks at what is asked for; $steps is what is to be done beside the statements.
check() {
  # Only "none found" lets them pass: grep may fail for other reasons.
  refused=$(printf '%s' "$statements" | grep -Exv -m 1 "$allowed")
  if [ $? -ne 1 ]; then
    answer="refused: $refused"
    return 1
  fi
  steps=$({
    printf '%s\n' "$marks" "$devices" "$isolated" "$members"
    ip -d -j link show | tr '{' '\n'
    printf '\n.\n%s' "${ports:+$ports$newline}"
    printf '.\n%s' "${statements:+$statements$newline}"
  } | awk -v most=$lines_at_most "$survey")
  case $steps in
  fine | *"${newline}fine") ;;
  *)
    answer="refused: ${steps##*"${newline}refused: "}"
    return 1
    ;;
  esac
}

# Takes the steps, a line each.
plan() {
  devices='' members='' isolated='' loose='' wanted=''
  for step; do
    case $step in
    device\ *) devices="$devices ${step#device }" ;;
    member\ *) members="$members ${step#member }" ;;
    ours\ *) isolated="$isolated ${step#ours }" ;;
    isolate\ *) loose="$loose ${step#isolate }" ;;
    entry\ *) wanted="$wanted ${step#entry }" ;;
    esac
  done
}

# All of the statements are done, or none.
transaction() {
  check || return
  # All tables are made anew, or only some.
  total=$bytes
  case $statements in
  "$anew"*) total=0 ;;
  esac
  total=$((total + ${#statements}))
  if [ $total -gt $bytes_in_all ]; then
    answer="refused: statements of more than $bytes_in_all bytes since the tables were made anew"
    return
  fi
  # What has left its bridge is not ours any more; but no port is forgotten if nft fails.
  before=$isolated
  IFS=$newline
  # The lines are to be split, and below the words.
  # shellcheck disable=SC2086
  plan $steps
  unset IFS
  # shellcheck disable=SC2086
  if [ -n "$statements" ] && ! reason=$({
    printf '%s\n' "$statements"
    record $isolated
  } | timeout -s KILL 5 nft -f - 2>&1); then
    isolated=$before
    answer="failed: ${reason:-nftables gave no answer}"
    return
  fi
  answer=ok put=yes bytes=$total
  # shellcheck disable=SC2086
  {
    [ -z "$entries$wanted" ] || look
    [ "$wanted" = "$entries" ] || forget $entries
    entries=$wanted
    enter $entries
    isolate $loose
  }
}

remove() {
  for family in netdev inet arp; do
    printf 'add table %s %s\ndelete table %s %s\n' $family "$table" $family "$table"
  done | timeout -s KILL 5 nft -f -
}

# Whether an interface of the link is there, as far as can be told.
present() {
  here=$(ip -j link show) || return 0
  for member in $members; do
    case $here in
    *"\"ifindex\":$member,"*) return 0 ;;
    esac
  done
  return 1
}

put=no entries='' bytes=0
# shellcheck disable=SC2046
set -- $(recorded)
isolated=$*
# shellcheck disable=SC2046
set -- $(silenced)
members=$*
# A request begins with 48 bytes: a word, a number for the answer, and two lengths.
while header=$(dd bs=48 count=1 iflag=fullblock <&3) && [ -n "$header" ]; do
  # shellcheck disable=SC2086
  set -- $header
  word=$1 number=$2
  answer=''
  case $word in
  transaction)
    is_length "$3" && is_length "$4" || break
    take "$3" || break
    statements=$taken
    take "$4" || break
    ports=$taken
    transaction
    ;;
  table)
    if ! answer=$(timeout -s KILL 5 nft list table netdev "$table"); then
      answer='failed: nftables does not tell of the table'
      tables=$(timeout -s KILL 5 nft list tables netdev) && case $newline$tables$newline in
      *"${newline}table netdev $table$newline"*) ;;
      *) answer=none ;;
      esac
    fi
    ;;
  remove)
    remove || exit
    look
    # shellcheck disable=SC2086
    forget $entries
    # shellcheck disable=SC2086
    join $isolated
    exit 0
    ;;
  *) break ;;
  esac
  # One line, whatever a program said.
  [ "$answer" = ok ] || answer=$(printf '%s' "$answer" | tr -s '\n\t ' '   ')
  printf '%s %s\n' "$number" "$answer"
done

# Nobody asked for the end. The tables stay; but not those of devices that have gone along with the gateway.
[ "$put" = no ] || present || remove
