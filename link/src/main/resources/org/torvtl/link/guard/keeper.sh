# SPDX-License-Identifier: Apache-2.0
#
# Keeps the privilege to change the guard's tables. Run by GuardKeeper, which has the protocol.
#
# Arguments: the tables' name, the marks of the gateway's frames and of guests', the gateway's MAC address.

exec 2>/dev/null
# A service manager ends all processes of a service; this one ends behind the gateway.
trap '' HUP INT TERM
LC_ALL=C
export LC_ALL
table=$1 mark=$2 heard=$3 mac=$4

# All that GuardRules writes, and no more: a program that has taken over the gateway can open the
# guests' link, but cannot use this privilege on anything else of the host. One line has one
# statement: no semicolon ends it early, and nothing is included.
name='[a-z]+_[0-9a-f_]+'
macs='[0-9a-f]{2}(:[0-9a-f]{2}){5}(, [0-9a-f]{2}(:[0-9a-f]{2}){5})*'
interface='"[A-Za-z0-9_.@+=,~#-]+"'
interfaces="[{] $interface(, $interface)* [}]"
hook="hook (ingress|egress) device $interface"
group='ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop'
limit='limit rate over [0-9]+/second burst [0-9]+ packets drop'
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
add rule netdev $table $name drop
add rule netdev $table $name meta mark != ($mark|$heard) drop
add rule netdev $table $name meta mark set ($mark|$heard)
add rule netdev $table $name $group
add rule netdev $table $name ether saddr $mac drop
add rule netdev $table $name $unicast ether daddr != $mac drop
add rule netdev $table $name ether type [{] 8021q, 8021ad [}] vlan id != 0 drop
add rule netdev $table $name jump $name
add rule netdev $table $name ether saddr @macs_[0-9]+ accept
add rule netdev $table $name ether saddr @owned drop
add rule netdev $table $name add @macs_[0-9]+ [{] ether saddr [}] add @owned [{] ether saddr [}] accept
add rule netdev $table $name $unicast ether daddr != @macs_[0-9]+ drop
add rule netdev $table $name (ether type|ip protocol) != (ip|tcp) $limit
add rule netdev $table $name ip protocol tcp ip length < [0-9]+ $limit
add rule netdev $table $name tcp flags & [(]syn [|] ack[)] == syn $limit
add set netdev $table (owned|macs_[0-9]+) [{] type ether_addr; size [0-9]+; flags dynamic; [}]
add element netdev $table (owned|macs_[0-9]+) [{] $macs [}]
delete element netdev $table owned [{] $macs [}]
(add|delete) set netdev $table macs_[0-9]+
member [0-9]+
guest [0-9]+
entry [0-9]+ (self|master)"

# A forwarding table's word for an entry that no frame moves.
fixed() {
  case $1 in
  self) echo permanent ;;
  master) echo "static sticky" ;;
  esac
}

named() {
  ip -j link show | tr '{' '\n' | sed -n "s/^\"ifindex\":$1,.*\"ifname\":\"\([^\"]*\)\".*/\1/p"
}

# Removes the forwarding entries that are there on account of the gateway.
forget() {
  while [ $# -gt 0 ]; do
    at=$(named "$1")
    [ -z "$at" ] || bridge fdb delete "$mac" dev "$at" "$2"
    shift 2
  done
}

enter() {
  while [ $# -gt 0 ]; do
    at=$(named "$1")
    # The words are to be split.
    # shellcheck disable=SC2046
    if ! reason=$(bridge fdb replace "$mac" dev "$at" "$2" $(fixed "$2") 2>&1); then
      answer="failed: the bridge does not take the gateway's address at $at: $reason"
      return
    fi
    shift 2
  done
}

# Isolates ports, so that no guest hears another even while the rules are gone. Who isolated one before, keeps it so.
isolate() {
  for port; do
    at=$(named "$port")
    case " $isolated $found " in
    *" $port "*) continue ;;
    esac
    if [ -z "$at" ]; then
      continue
    elif [ "$fresh" = yes ] && bridge -d link show dev "$at" | grep -q 'isolated on'; then
      found="$found $port"
    elif reason=$(bridge link set dev "$at" isolated on 2>&1); then
      isolated="$isolated $port"
    else
      answer="failed: the bridge does not isolate $at: $reason"
      return
    fi
  done
}

join() {
  for port; do
    at=$(named "$port")
    [ -z "$at" ] || bridge link set dev "$at" isolated off
  done
}

# Reads statements up to a line with a dot. All of them are done, or none.
transaction() {
  batch='' lines='' wanted='' guests='' all=''
  while IFS= read -r line && [ "$line" != . ]; do
    case $line in
    member\ *) all="$all ${line#member }" ;;
    guest\ *) guests="$guests ${line#guest }" ;;
    entry\ *) wanted="$wanted ${line#entry }" ;;
    *) batch="$batch$line
" ;;
    esac
    lines="$lines$line
"
  done
  # Only "none found" lets them pass: grep may fail for other reasons.
  refused=$(printf '%s' "$lines" | grep -Exv -m 1 "$allowed")
  if [ $? -ne 1 ]; then
    answer="refused: $refused"
    return
  fi
  if ! reason=$(printf '%s' "$batch" | timeout -s KILL 5 nft -f - 2>&1); then
    answer="failed: ${reason:-nftables gave no answer}"
    return
  fi
  answer=ok put=yes members=$all
  # The words are to be split.
  # shellcheck disable=SC2086
  {
    [ "$wanted" = "$entries" ] || forget $entries
    entries=$wanted
    enter $entries
    # Of a port that has left its bridge there is nothing to undo.
    stay=''
    for port in $isolated; do
      case " $guests " in
      *" $port "*) stay="$stay $port" ;;
      esac
    done
    isolated=$stay
    isolate $guests
  }
}

remove() {
  for family in netdev inet arp; do
    printf 'add table %s %s\ndelete table %s %s\n' $family "$table" $family "$table"
  done | timeout -s KILL 5 nft -f -
}

# Whether an interface of the link is there, as far as can be told.
present() {
  links=$(ip -j link show) || return 0
  for member in $members; do
    case $links in
    *"\"ifindex\":$member,"*) return 0 ;;
    esac
  done
  return 1
}

put=no entries='' members='' isolated='' found=''
fresh=yes
if timeout -s KILL 5 nft list table netdev "$table" >/dev/null; then
  fresh=no
fi
while read -r word number; do
  answer=''
  case $word in
  transaction) transaction ;;
  owned)
    if ! answer=$(timeout -s KILL 5 nft list table netdev "$table"); then
      answer=none
    fi
    ;;
  remove)
    remove || exit
    # shellcheck disable=SC2086
    forget $entries
    # shellcheck disable=SC2086
    join $isolated
    exit 0
    ;;
  esac
  # One line, whatever a program said.
  printf '%s %s\n' "$number" "$(printf '%s' "$answer" | tr -s '\n\t ' '   ')"
done

# Nobody asked for the end. The tables stay; but not those of devices that have gone along with the gateway.
[ "$put" = no ] || present || remove
