# SPDX-License-Identifier: Apache-2.0
#
# Keeps the privilege to change the guard's tables. Run by GuardKeeper, which has the protocol.
#
# Arguments: the tables' name, the device's name, the marks of the gateway's frames and of guests', the gateway's MAC
# address.

exec 2>/dev/null
# A service manager ends all processes of a service; this one ends behind the gateway.
trap '' HUP INT TERM
LC_ALL=C
export LC_ALL
table=$1 device=$2 mark=$3 heard=$4 mac=$5

# All that GuardRules writes, and no more: a program that has taken over the gateway can open the
# guests' link, but cannot use this privilege on anything else of the host. One line has one
# statement: no semicolon ends it early, and nothing is included.
name='[a-z]+_[0-9a-f_]+'
macs='[0-9a-f]{2}(:[0-9a-f]{2}){5}(, [0-9a-f]{2}(:[0-9a-f]{2}){5})*'
interface='"[A-Za-z0-9_.@+=,~#-]+"'
interfaces="[{] $interface(, $interface)* [}]"
hook="hook (ingress|egress) device $interface"
group='ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop'
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
add set netdev $table (owned|macs_[0-9]+) [{] type ether_addr; size [0-9]+; flags dynamic; [}]
add element netdev $table (owned|macs_[0-9]+) [{] $macs [}]
delete element netdev $table owned [{] $macs [}]
(add|delete) set netdev $table macs_[0-9]+
entry [0-9]+ (self|master)"

# A forwarding table's word for an entry that no frame moves.
fixed() {
  case $1 in
  self) echo permanent ;;
  master) echo "static sticky" ;;
  esac
}

named() {
  ip -o link show | sed -n "s/^$1: \([^:@]*\)[:@].*/\1/p"
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
      echo "the bridge does not take the gateway's address at $at: $reason"
      return 1
    fi
    shift 2
  done
}

# Reads statements up to a line with a dot. All of them are done, or none.
transaction() {
  batch='' wanted=''
  while IFS= read -r line && [ "$line" != . ]; do
    case $line in
    entry\ *) wanted="$wanted ${line#entry }" ;;
    *) batch="$batch$line
" ;;
    esac
    lines="$lines$line
"
  done
  if refused=$(printf '%s' "$lines" | grep -Exv -m 1 "$allowed"); then
    answer="refused: $refused"
  elif ! reason=$(printf '%s' "$batch" | timeout -s KILL 5 nft -f - 2>&1); then
    answer="failed: ${reason:-nftables gave no answer}"
  else
    # The words are to be split.
    # shellcheck disable=SC2086
    if [ "$wanted" != "$entries" ]; then
      forget $entries
    fi
    entries=$wanted
    # shellcheck disable=SC2086
    if reason=$(enter $entries); then
      answer=ok
    else
      answer="failed: $reason"
    fi
  fi
}

remove() {
  for family in netdev inet arp; do
    printf 'add table %s %s\ndelete table %s %s\n' $family "$table" $family "$table"
  done | timeout -s KILL 5 nft -f -
}

entries=''
while read -r word number; do
  lines='' answer=''
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
    exit 0
    ;;
  esac
  # One line, whatever a program said.
  printf '%s %s\n' "$number" "$(printf '%s' "$answer" | tr -s '\n\t ' '   ')"
done

# The gateway was killed. The tables stay; but not those of a device that has gone along with it.
ip link show dev "$device" >/dev/null || remove
