#!/bin/bash
# Says what the throwaway cluster lacks on this machine, each in a line, and exits with 1 if it lacks anything.
#
#   preflight.sh             everything
#   preflight.sh machine     only what no package brings: rights, namespaces, cgroups, file systems, the kernel's network, memory, disk
#   preflight.sh packages    prints the Debian packages whose programs are missing, in one line, and exits with 0
set -u

state=${CLUSTER_STATE:-/run/flotilla-e2e}
PATH=$PATH:/usr/sbin:/sbin
missing=0
lacks() { echo "$*"; missing=1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Program and Debian package of it.
programs="containerd:containerd ctr:containerd runc:runc conntrack:conntrack ipset:ipset iptables:iptables ip:iproute2 buildah:buildah
  debootstrap:debootstrap nsenter:util-linux unshare:util-linux openssl:openssl python3:python3 pgrep:procps sysctl:procps
  /usr/lib/cni/bridge:containernetworking-plugins"

packages() {
  for pair in $programs; do has "${pair%:*}" || echo "${pair#*:}"; done | sort -u | paste -sd ' ' -
}

# A controller counts as writable when a group can be made in it: the mode of its folder does not tell of a read-only mount.
can_make_group() { mkdir "$1/flotilla-preflight" 2>/dev/null && rmdir "$1/flotilla-preflight"; }

cgroups() {
  local root=/sys/fs/cgroup controller absent="" refused=""
  if [ -e $root/cgroup.controllers ]; then
    for controller in cpu cpuset memory pids; do
      grep -qw "$controller" $root/cgroup.controllers || absent="$absent $controller"
    done
    can_make_group $root || refused=" $root"
  else
    for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
      if [ ! -e "$root/$controller/tasks" ]; then absent="$absent $controller"
      elif ! can_make_group "$root/$controller"; then refused="$refused $root/$controller"
      fi
    done
  fi
  [ -z "$absent" ] || lacks "cgroup controllers in $root:$absent"
  [ -z "$refused" ] || lacks "cgroups that can be written: no group can be made in$refused"
}

# In namespaces of its own, where what is tried goes again by itself.
inside() {
  # The folder of the images is on the machine's own file system, and an overlay on some of those is refused.
  local dir=$1
  mkdir "$dir/lower" "$dir/upper" "$dir/work" "$dir/merged" &&
    mount -t overlay overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/merged" 2>/dev/null ||
    lacks "no overlay file system can be mounted in $(dirname "$dir")"
  # Written with what it says already.
  { echo "$(cat /proc/sys/net/ipv4/ip_forward)" >/proc/sys/net/ipv4/ip_forward; } 2>/dev/null || lacks "/proc/sys/net can't be written"
  if has ip; then
    { ip link set lo up && ip link add preflight0 type veth peer name preflight1; } 2>/dev/null || lacks "no pair of virtual network cards (veth) can be made"
    ip link add preflight2 type bridge 2>/dev/null || lacks "no network bridge can be made"
  fi
  if has iptables; then
    iptables -t nat -A POSTROUTING -m comment --comment preflight -m mark --mark 0x4000/0x4000 -m statistic --mode random --probability 0.5 \
      -m conntrack --ctstate NEW -m addrtype --dst-type LOCAL -j MASQUERADE 2>/dev/null ||
      lacks "iptables takes no rule with NAT, mark, statistic, conntrack and addrtype, as kube-proxy writes them"
  fi
  exit "$missing"
}

machine() {
  [ "$(uname -s)" = Linux ] || { lacks "Linux: this is $(uname -s)"; return; }
  [ "$(id -u)" = 0 ] || { lacks "root, who makes network namespaces and containers"; return; }
  cgroups
  [ -r /dev/kmsg ] || lacks "/dev/kmsg can't be read, which the kubelet wants"
  for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
    [ -w "/proc/sys/$setting" ] || lacks "/proc/sys/$setting can't be written, which the kubelet does"
  done
  local available free dir
  available=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
  [ "${available:-0}" -ge 4096 ] || lacks "4096 MiB of memory: $available MiB are available"
  mkdir -p "$state-preflight" 2>/dev/null && dir=$(mktemp -d "$state-preflight/XXXXXX") || { lacks "$state can't be written"; return; }
  free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
  [ "${free:-0}" -ge 8192 ] || lacks "8192 MiB of disk for $state: $free MiB are free"
  if has unshare; then
    if unshare --net --mount --propagation private true 2>/dev/null; then
      unshare --net --mount --propagation private "$0" inside "$dir" || missing=1
    else
      lacks "network and mount namespaces: unshare is refused"
    fi
  fi
  rm -rf "$dir"
  rmdir "$state-preflight" 2>/dev/null
}

case "${1:-}" in
  inside) inside "$2" ;;
  packages) packages; exit 0 ;;
  machine) machine ;;
  '')
    machine
    for pair in $programs; do has "${pair%:*}" || lacks "${pair%:*}: on Debian, apt-get install ${pair#*:}"; done
    has go || lacks "Go 1.25 or later, which builds the cluster's programs: https://go.dev/dl"
    ;;
  *) sed -n '2,6p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
exit "$missing"
