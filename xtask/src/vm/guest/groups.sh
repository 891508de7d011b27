#!/bin/sh
# The init of the small machine: control groups as container programs make them, load in them, two snapshots, the end.
# The disk is /dev/vda, for load; what was recorded goes as a tar to /dev/vdb.
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyS0 2>&1
for module in virtio_pci virtio_blk veth; do modprobe "$module"; done
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
ip link set lo up
mkdir -p /results/first /results/second
top=/sys/fs/cgroup

# Makes a group below the top, each controller on in all groups above.
group() {
    path=$top
    for part in $(echo "$1" | tr / ' '); do
        # shellcheck disable=SC2013 # words of one line
        for controller in $(cat "$path/cgroup.controllers"); do
            echo "+$controller" >"$path/cgroup.subtree_control"
        done
        path=$path/$part
        mkdir -p "$path"
    done
}

# container NAME ID GROUP SCRIPT: runs the script in the group, with a network of its own.
container() {
    group "$3"
    # shellcheck disable=SC2016 # for the inner shell
    GROUP=$top/$3 SCRIPT=$4 unshare -n sh -c 'echo $$ >"$GROUP/cgroup.procs"; ip link set lo up; exec sh -c "$SCRIPT"' &
    printf '%s\t%s\t%s\n' "$1" "$2" "$!" >>/results/containers.tsv
    pids="$pids $!"
}

id() {
    i=0
    while [ $i -lt 32 ]; do
        printf 'c%s' "$1"
        i=$((i + 1))
    done
}

group "system.slice/docker-$(id 1).scope"
echo "20000 100000" >"$top/system.slice/docker-$(id 1).scope/cpu.max"
container busy "$(id 1)" "system.slice/docker-$(id 1).scope" 'while :; do :; done'
group "system.slice/docker-$(id 2).scope"
echo 64M >"$top/system.slice/docker-$(id 2).scope/memory.max" || echo "no memory controller"
# shellcheck disable=SC2016 # for the container's shell
container memory "$(id 2)" "system.slice/docker-$(id 2).scope" \
    'cat /dev/vda >/dev/null; x=$(head -c 4000000 /dev/zero | tr "\0" x); tail /dev/zero; while :; do sleep 100; done'
container disk "$(id 3)" "system.slice/docker-$(id 3).scope" \
    'while :; do dd if=/dev/zero of=/dev/vda bs=64k count=16 conv=fsync; dd if=/dev/vda of=/dev/null bs=64k count=8 skip=200; sleep 0.5; done'
container idle "$(id 4)" "docker/$(id 4)" 'while :; do sleep 100; done'
container network "$(id 5)" "docker/$(id 5)" 'while :; do ip addr add 10.9.9.2/24 dev eth0 && break; sleep 0.1; done; ip link set eth0 up; ping -q -s 1400 10.9.9.1'
# The network of its own is there a moment later.
while [ "$(readlink "/proc/$!/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
# This busybox does not name the peer.
ip link add veth5 type veth
ip link set veth0 name eth0
ip link set eth0 netns "$!"
ip addr add 10.9.9.1/24 dev veth5
ip link set veth5 up
container nested "$(id 6)" "docker/$(id 6)/init.scope" 'while :; do sleep 0.5; done'
container podman "$(id 7)" "machine.slice/libpod-$(id 7).scope/container" 'while :; do sleep 100; done'

sleep 3
# shellcheck disable=SC2086 # a list of numbers
sh /snapshot.sh /results/first $pids
sleep 2
# shellcheck disable=SC2086 # a list of numbers
sh /snapshot.sh /results/second $pids
tar -cf /dev/vdb -C /results .
sync
echo "end 0" >/dev/ttyS1
poweroff -f
