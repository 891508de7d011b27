# Copies what the agent's samplers read, under its own paths, into a directory: the host's files, and for each process
# its files and those of its control groups.
#
#   sh snapshot.sh DIRECTORY [PID...]
#
# Runs in dash and in busybox. A file that is missing or cannot be read is left out.
out=$1
shift
exec 2>/dev/null
mkdir -p "$out"

keep() {
    cp --parents "$@" "$out"
}

# Keeps where links lead, such as net:[4026531840].
keep_links() {
    cp -P --parents "$@" "$out"
}

keep_group() {
    set -- "$1"/cgroup.controllers "$1"/cgroup.subtree_control "$1"/cpu.stat "$1"/cpu.max \
        "$1"/cpu.pressure "$1"/memory.pressure "$1"/io.pressure \
        "$1"/memory.current "$1"/memory.stat "$1"/memory.events "$1"/memory.max "$1"/memory.swap.current \
        "$1"/io.stat "$1"/pids.current "$1"/pids.max \
        "$1"/cpuacct.usage "$1"/cpuacct.stat "$1"/cpu.cfs_quota_us "$1"/cpu.cfs_period_us \
        "$1"/memory.usage_in_bytes "$1"/memory.limit_in_bytes "$1"/memory.oom_control "$1"/memory.failcnt \
        "$1"/memory.use_hierarchy "$1"/memory.memsw.usage_in_bytes \
        "$1"/blkio.throttle.io_service_bytes "$1"/blkio.throttle.io_service_bytes_recursive
    keep "$@"
}

keep /proc/stat /proc/meminfo /proc/loadavg /proc/uptime /proc/diskstats /proc/pressure/* /proc/cgroups \
    /proc/cmdline /proc/self/mountinfo /proc/self/cgroup /proc/net/dev \
    /proc/sys/kernel/random/boot_id /proc/sys/kernel/osrelease \
    /sys/devices/system/cpu/online /sys/devices/system/cpu/cpu*/thermal_throttle/*_count \
    /sys/class/hwmon/*/name /sys/class/hwmon/*/*_input /sys/class/hwmon/*/*_label /sys/class/hwmon/*/*_alarm \
    /sys/class/thermal/thermal_zone*/type /sys/class/thermal/thermal_zone*/temp \
    /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/cgroup.subtree_control /sys/fs/cgroup/cpu.stat
for interface in /sys/class/net/*; do
    keep "$interface"/operstate "$interface"/type "$interface"/carrier "$interface"/uevent "$interface"/device/uevent \
        "$interface"/statistics/[rt]x_bytes "$interface"/statistics/[rt]x_errors "$interface"/statistics/[rt]x_dropped
done
for disk in /sys/block/loop0 /sys/block/[!l]*; do
    keep "$disk"/dev "$disk"/stat "$disk"/size "$disk"/uevent "$disk"/device/uevent
done

keep_links /proc/1/ns/net
for pid; do
    keep "/proc/$pid/cgroup" "/proc/$pid/stat" "/proc/$pid/net/dev"
    keep_links "/proc/$pid/ns/net"
    while IFS=: read -r _ controllers path; do
        # Version 2 has the empty list; version 1 mounts controllers alone or together.
        for mount in '' unified "$controllers" $(echo "${controllers#name=}" | tr , ' '); do
            group=/sys/fs/cgroup${mount:+/$mount}${path%/}
            [ "$group" = /sys/fs/cgroup ] || [ ! -d "$group" ] || keep_group "$group"
            above=${group%/*}
            [ "$above" = /sys/fs ] || keep "$above"/cgroup.controllers "$above"/cgroup.subtree_control
        done
    done <"/proc/$pid/cgroup"
done
exit 0
