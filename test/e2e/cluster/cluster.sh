#!/bin/bash
# A throwaway single-node Kubernetes for end-to-end tests, with no container registry and no Docker. It runs in a network namespace of
# its own, from which nothing can be reached from outside and nothing reaches outside.
#
#   cluster.sh up              start it, with CoreDNS and Traefik; ends what an aborted run left
#   cluster.sh exec CMD...     run CMD inside the namespace, with KUBECONFIG set and kubectl on PATH
#   cluster.sh load ARCHIVE [NAME]   load the image of a docker archive into the node, and give it a second name
#   cluster.sh crash NAMESPACE POD   SIGKILL the pod's first process from the node: no SIGTERM comes before
#   cluster.sh enforce-policies      start what enforces NetworkPolicies, which is off until then
#   cluster.sh down            end everything and remove the state
#
# preflight.sh says what it needs. State: $CLUSTER_STATE (default /run/flotilla-e2e). Programs: those of build.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
self=$here/cluster.sh
state=${CLUSTER_STATE:-/run/flotilla-e2e}
bin=$("$here/build.sh" --dir)
node_ip=10.99.0.1
programs="etcd coredns traefik kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl kube-router"

say() { echo "cluster: $*" >&2; }
run() { # NAME CMD...: start a daemon in the namespace, log and pid kept
  local name=$1; shift
  "$@" > "$state/log/$name.log" 2>&1 &
  echo $! > "$state/$name.pid"
}

kubeconfig() { # NAME TOKEN
  cat > "$state/$1.kubeconfig" <<X
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://$node_ip:6443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: "$2"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
X
}

wait_for() { # SECONDS WHAT CMD...
  local n=$1 what=$2; shift 2
  for _ in $(seq 1 $((n * 4))); do "$@" >/dev/null 2>&1 && return 0; sleep 0.25; done
  say "gave up waiting for $what after ${n}s; logs are in $state/log"; return 1
}

up_inside() {
  ip link set lo up
  # a veth pair that stays inside the namespace stands in for the node's network card
  ip link add eth0 type veth peer name eth0p
  ip link set eth0p up
  ip addr add $node_ip/24 dev eth0
  ip link set eth0 up
  ip route add default via 10.99.0.254
  sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true

  openssl genrsa -out "$state/pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$state/pki/sa.key" -pubout -out "$state/pki/sa.pub" 2>/dev/null
  : > "$state/pki/tokens.csv"
  local n=0 line
  for line in admin:admin:system:masters kubelet:system=node=node1:system:nodes controller:system=kube-controller-manager:system:masters \
              scheduler:system=kube-scheduler:system:masters proxy:system=kube-proxy:system:node-proxier; do
    local who=${line%%:*} rest=${line#*:}; local user=${rest%%:*} group=${rest#*:} token
    token=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n'); n=$((n + 1))
    echo "$token,${user//=/:},$n,\"$group\"" >> "$state/pki/tokens.csv"
    kubeconfig "$who" "$token"
  done

  run etcd "$bin/etcd" --data-dir "$state/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  run apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --service-cluster-ip-range=10.96.0.0/16 \
    --advertise-address=$node_ip --bind-address=$node_ip --secure-port=6443 --cert-dir="$state/pki" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$state/pki/sa.pub" \
    --service-account-signing-key-file="$state/pki/sa.key" --authorization-mode=Node,RBAC --token-auth-file="$state/pki/tokens.csv" \
    --allow-privileged=true --kubelet-preferred-address-types=InternalIP
  wait_for 60 "the API server" "$bin/kubectl" --kubeconfig "$state/admin.kubeconfig" get --raw /readyz

  run controller-manager "$bin/kube-controller-manager" --kubeconfig="$state/controller.kubeconfig" --cert-dir="$state/pki" \
    --service-account-private-key-file="$state/pki/sa.key" --root-ca-file="$state/pki/apiserver.crt" \
    --allocate-node-cidrs=true --cluster-cidr=10.244.0.0/16 --leader-elect=false \
    --horizontal-pod-autoscaler-sync-period=5s
  run scheduler "$bin/kube-scheduler" --kubeconfig="$state/scheduler.kubeconfig" --leader-elect=false --cert-dir="$state/pki"

  cat > "$state/cni/10-bridge.conflist" <<X
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/cni-data", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
X
  # restrict_oom_score_adj: this kind of machine refuses negative scores, and runc stops at the refusal
  cat > "$state/containerd.toml" <<X
version = 2
root = "$state/containerd/root"
state = "$state/containerd/state"
[grpc]
address = "$state/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/e2e/pause:1"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$state/cni"
X
  run containerd containerd -c "$state/containerd.toml"
  wait_for 20 containerd ctr -a "$state/containerd.sock" version

  cat > "$state/kubelet.yaml" <<X
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
podLogsDir: $state/pods
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$state/containerd.sock
failSwapOn: false
failCgroupV1: false
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: $state/resolv.conf
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "100Mi", nodefs.available: "1%", imagefs.available: "1%"}
X
  echo "nameserver 127.0.0.1" > "$state/resolv.conf"
  run kubelet "$bin/kubelet" --kubeconfig="$state/kubelet.kubeconfig" --config="$state/kubelet.yaml" --hostname-override=node1 \
    --node-ip=$node_ip --root-dir="$state/kubelet" --cert-dir="$state/kubelet-pki"
  cat > "$state/proxy.yaml" <<X
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $state/proxy.kubeconfig}
mode: iptables
clusterCIDR: 10.244.0.0/16
hostnameOverride: node1
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
X
  run proxy "$bin/kube-proxy" --config="$state/proxy.yaml"
  touch "$state/started"
  exec sleep infinity
}

up() {
  for c in $programs; do [ -x "$bin/$c" ] || { say "$c is missing: run build.sh first"; exit 1; }; done
  mkdir -p "$state"/{pki,log,etcd,containerd,kubelet,cni}
  # The kubelet changes these for the whole machine.
  sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops >"$state/sysctl.conf"
  # a mount namespace too, so that every mount of the node goes when it goes
  unshare --net --mount --propagation private "$self" up-inside > "$state/log/up.log" 2>&1 &
  echo $! > "$state/namespace.pid"
  wait_for 90 "the control plane" test -e "$state/started" || { cat "$state/log/up.log" >&2; exit 1; }
  local r="$state/rootfs"
  mkdir -p "$r/pause"
  printf 'package main\nimport ("os"; "os/signal"; "syscall")\nfunc main() { c := make(chan os.Signal, 1); signal.Notify(c, syscall.SIGINT, syscall.SIGTERM); <-c }\n' > "$state/pause.go"
  CGO_ENABLED=0 go build -ldflags "-s -w" -o "$r/pause/pause" "$state/pause.go"
  image docker.io/e2e/pause:1 "$r/pause" /pause
  bin_rootfs "$r/coredns" "$bin/coredns"; image docker.io/e2e/coredns:1 "$r/coredns" /usr/bin/coredns
  bin_rootfs "$r/traefik" "$bin/traefik"; image docker.io/e2e/traefik:1 "$r/traefik" /usr/bin/traefik
  enter kubectl apply -f "$here/addons.yaml" >/dev/null
  wait_for 60 "the node" sh -c "'$self' exec kubectl get nodes | grep -q ' Ready'"
  enter kubectl -n kube-system rollout status deploy/coredns --timeout=60s >&2
  enter kubectl -n kube-system rollout status deploy/traefik --timeout=60s >&2
}

enter() { KUBECONFIG="$state/admin.kubeconfig" PATH="$PATH:$bin" nsenter --target "$(cat "$state/namespace.pid")" --net "$@"; }

image() { # NAME DIR ENTRYPOINT...
  local tar
  tar=$(mktemp)
  python3 "$here/image.py" "$tar" "$@"
  load "$tar"
  rm -f "$tar"
}

load() { # ARCHIVE [another name for its image]
  local name
  name=$(ctr -a "$state/containerd.sock" -n k8s.io images import "$1" | sed -n 's/^unpacking \([^ ]*\) .*/\1/p')
  if [ -n "${2:-}" ]; then ctr -a "$state/containerd.sock" -n k8s.io images tag --force "$name" "$2" >/dev/null; fi
}

bin_rootfs() { # DIR BINARY...
  local dir=$1; shift
  mkdir -p "$dir/usr/bin" "$dir/etc" && mkdir -p -m 1777 "$dir/tmp"
  echo 'root:x:0:0::/:/' > "$dir/etc/passwd"
  echo 'app:x:1000:1000::/:/' >> "$dir/etc/passwd"
  local b lib
  for b in "$@"; do
    cp -L "$b" "$dir/usr/bin/"
    for lib in $(ldd "$b" 2>/dev/null | grep -o '/[^ ]*'); do mkdir -p "$dir$(dirname "$lib")"; cp -L "$lib" "$dir$lib"; done
  done
}

down() {
  [ -d "$state" ] || return 0
  enter kubectl delete deploy,statefulset,daemonset,job,pod --all -A --grace-period=0 --force --wait=false >/dev/null 2>&1 || true
  local p
  stop() { [ -e "$state/$1.pid" ] && kill "-$2" "$(cat "$state/$1.pid")" 2>/dev/null || true; }
  for p in kube-router proxy kubelet scheduler controller-manager; do stop "$p" TERM; done
  local c
  for c in $(ctr -a "$state/containerd.sock" -n k8s.io task ls -q 2>/dev/null); do ctr -a "$state/containerd.sock" -n k8s.io task kill -s 9 "$c" >/dev/null 2>&1 || true; done
  sleep 1
  for p in $(pgrep -f "containerd-shim.* -address $state/containerd.sock" || true); do kill -9 "$p" 2>/dev/null || true; done
  for p in kube-router proxy kubelet scheduler controller-manager apiserver etcd containerd namespace; do stop "$p" KILL; done
  sleep 0.5
  # The kubelet's groups of pods outlive it. Those of another one here are in use, and stay.
  # A group that is in use cannot be removed, and need not be: the cluster is down all the same.
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  for p in /run/netns/cni-*; do [ -e "$p" ] && ! mountpoint -q "$p" && rm -f "$p"; done
  # Where the machine does not allow it to be set back, it was not allowed to be changed either.
  if [ -s "$state/sysctl.conf" ]; then sysctl -q -p "$state/sysctl.conf" >/dev/null || true; fi
  rm -rf "$state" 2>/dev/null || true
}

enforce_policies() {
  nsenter --target "$(cat "$state/namespace.pid")" --net "$bin/kube-router" --kubeconfig="$state/admin.kubeconfig" --hostname-override=node1 \
    --run-firewall=true --run-router=false --run-service-proxy=false --run-loadbalancer=false </dev/null >"$state/log/kube-router.log" 2>&1 &
  echo $! >"$state/kube-router.pid"
}

crash() { # NAMESPACE POD
  local id
  id=$(enter kubectl -n "$1" get pod "$2" -o 'jsonpath={.status.containerStatuses[0].containerID}')
  ctr -a "$state/containerd.sock" -n k8s.io task kill -s SIGKILL "${id#containerd://}"
}

case "${1:-}" in
  up) down && up ;;
  up-inside) up_inside ;;
  down) down ;;
  exec) shift && enter "$@" ;;
  load) load "$2" "${3:-}" ;;
  crash) crash "$2" "$3" ;;
  enforce-policies) enforce_policies ;;
  *) sed -n '2,14p' "$0" | sed 's/^# \{0,1\}//' && exit 2 ;;
esac
