#!/bin/sh
# Becomes the first process of a machine: start.sh ROOT CGROUP. Runs in namespaces of its own but that of cgroups.
set -eu
root=$1
echo 0 > "$2/cgroup.procs"
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
# What reaches package registries from here: certificates, name servers.
mkdir "$root/run/outside"
cp /etc/resolv.conf "$root/run/outside/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/run/outside/ca.crt"
exec unshare --cgroup sh -euc '
    mount -t proc proc "$1/proc"
    mount -t sysfs sysfs "$1/sys"
    mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
    cd "$1"
    mkdir -p mnt/before
    pivot_root . mnt/before
    umount -l /mnt/before
    mount --make-rshared / # as systemd does itself where it is in no container
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
' start "$root"
