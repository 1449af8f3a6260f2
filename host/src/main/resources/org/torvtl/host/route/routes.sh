# SPDX-License-Identifier: Apache-2.0
#
# The child of RouteKeeper.
#
# Arguments: the routing table, the rules' protocol number, what nft is told at the end or nothing,
# and the priorities. Input: the kill switch, the device, what ip(8) is told to give that an address,
# to make routes and rules of IPv4 and those of IPv6, each with a line with a dot behind it; and
# then words.
#
# The judge of what is missing is the kernel, which refuses to add what is there. It is asked again
# when a listing shows another text than when it last found nothing missing.

trap '' HUP INT TERM USR1 USR2
table=$1 protocol=$2 filter=$3 status=0 known=
shift 3
take() {
  taken= count=0
  while IFS= read -r line && [ "$line" != . ]; do
    count=$((count + 1))
    taken="$taken$line
"
  done
}
take
text=$taken
take
device=${taken%?}
take
address=${taken%?}
take
routes4=$taken count4=$count
take
routes6=$taken count6=$count
families=-4
[ ! -e /proc/net/if_inet6 ] || families='-4 -6'
restore() {
  case $1 in
  '' | *[!0-9a-z_]*)
    echo "failed: '$1' is no marker"
    return
    ;;
  esac
  said=$(printf '%s' "$text" | sed "s/@marker@/$1/g" | timeout -s KILL 4 nft -f - 2>&1)
  code=$?
  case $code in
  0) echo ok ;;
  137) echo "failed: nft was killed (it has 4 s)" ;;
  *) echo "failed: $(printf '%s\n' "${said:-nft ended with status $code}" | sed -n '1h; /[Ee]rror/{p;q;}; ${x;p;}')" ;;
  esac
}
listing() {
  for family in $families; do
    ip "$family" -N rule show || return
  done
  ip -4 -N route show table "$table"
}
# Sets a fault, or that something was missing.
make() {
  [ "$2" -gt 0 ] || return 0
  said=$(printf '%s' "$3" | ip "$1" -force -batch - 2>&1)
  code=$? there=0
  [ "$code" -le 1 ] || fault=${fault:-ip ended with status $code}
  while IFS= read -r each; do
    case $each in
    *'File exists'*) there=$((there + 1)) ;;
    '' | 'Command failed'*) ;;
    *) fault=${fault:-$each} ;;
    esac
  done <<END
$said
END
  [ "$there" = "$2" ] || missing=yes
}
up() {
  [ -n "$device" ] || return 0
  ip link set dev "$device" up && { [ -n "$(ip -4 -o address show dev "$device")" ] || ip $address; }
}
reroute() {
  now=$(listing 2>/dev/null) || now=
  if [ -n "$now" ] && [ "$now" = "$known" ]; then
    echo same
    return
  fi
  fault= missing= known=
  said=$(up 2>&1) || fault=${said:-the device is not up}
  make -4 "$count4" "$routes4"
  make -6 "$count6" "$routes6"
  if [ -n "$fault" ]; then
    printf 'failed: %s\n' "$fault" | head -n 1
  elif [ -n "$missing" ]; then
    echo ok
  else
    known=$now
    echo same
  fi
}
while [ "$line" != remove ]; do
  read -r line marker || exit 0
  case $line in
  restore) restore "$marker" ;;
  reroute) reroute ;;
  esac
done
for family in $families; do
  for priority; do
    ip "$family" -N rule show priority "$priority" 2>/dev/null | grep -w "proto $protocol" |
      sed "s/.*/rule delete priority $priority protocol $protocol/" | ip "$family" -batch -
    left=$(ip "$family" -N rule show priority "$priority" 2>/dev/null) || status=1
    case "$left " in *"proto $protocol"[!0-9]*) status=1 ;; esac
  done
done
if [ -n "$(ip -4 route show table "$table" 2>/dev/null)" ]; then
  ip -4 route flush table "$table" || status=1
fi
# What is still led somewhere is not let out around it.
[ "$status" = 0 ] || exit 1
[ -z "$filter" ] || nft "$filter"
