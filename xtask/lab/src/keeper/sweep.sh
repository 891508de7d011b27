# Waits until standard input ends, which is when the lab drops its end of the pipe or dies, then ends every process that
# carries the directory's name as the mark in its environment with all their children, detaches what they mounted, and
# removes the directory.
#
#   sh -c SWEEP sweep DIRECTORY
#
# A line "data PATH" on standard input names one more directory, kept, below which nothing may stay mounted.
trap '' HUP INT TERM
scratch=$1
data=$scratch/data

while read -r word path; do
    [ "$word" = data ] && data=$path
done

# Prints the process and all its descendants.
family() {
    echo "$1"
    # shellcheck disable=SC2013 # names without blanks
    for status in $(grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status); do
        child=${status#/proc/}
        family "${child%/status}"
    done
}

# A SIGKILL waits until a cgroup v1 freezer lets go.
thaw() {
    group=$(sed -n 's/^[0-9]*:freezer://p' "/proc/$1/cgroup" 2>/dev/null)
    case $group in
    '' | /) ;;
    *) echo THAWED >"/sys/fs/cgroup/freezer$group/freezer.state" ;;
    esac
}

# Prints the sockets on which a containerd-shim listens: they are outside our directory.
shim_sockets() {
    case $(cat "/proc/$1/comm" 2>/dev/null) in
    containerd-shim*)
        inodes=$(readlink "/proc/$1/fd/"* | sed -n 's/^socket:\[\(.*\)\]$/\1/p' | tr '\n' ' ')
        awk -v inodes=" $inodes" '$8 ~ "^/run/containerd/s/" && index(inodes, " " $7 " ") { print $8 }' /proc/net/unix
        ;;
    esac
}

round=0
while [ $round -lt 100 ]; do
    marked=$(grep -lsxzF "PILOTFISH_LAB=$scratch" /proc/[0-9]*/environ)
    [ -z "$marked" ] && break
    doomed=
    for environ in $marked; do
        pid=${environ#/proc/}
        doomed="$doomed $(family "${pid%/environ}")"
    done
    for pid in $doomed; do
        thaw "$pid"
        for socket in $(shim_sockets "$pid"); do
            rm -f "$socket"
        done
    done
    # shellcheck disable=SC2086 # a list of numbers
    kill -KILL $doomed
    round=$((round + 1))
    sleep 0.05
done 2>/dev/null

for directory in "$scratch" "$data"; do
    cut -d' ' -f5 /proc/self/mountinfo | grep -F "$directory/" | sort -r | while read -r mounted; do
        umount -l "$mounted"
    done
    # The Engine binds its data directory onto itself.
    umount -l "$directory"
done 2>/dev/null

for container in "$data"/containers/*; do
    rmdir /sys/fs/cgroup/docker/"${container##*/}" /sys/fs/cgroup/*/docker/"${container##*/}"
done 2>/dev/null

rm -rf --one-file-system "$scratch"
