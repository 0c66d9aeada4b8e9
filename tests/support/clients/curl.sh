#!/bin/sh
# curl, asked like the other programs (see __init__.py); it connects to one address of those it found.
family=$1 port=$2 wait=$3
shift 3
case $family in
    0) only= ;;
    *) only=-$family ;;
esac
for name in "$@"; do
    # shellcheck disable=SC2086  # an option or none
    set -- "$(curl $only -s --connect-timeout $((wait / 1000)).$((wait % 1000)) -o /dev/null \
        -w '%{remote_ip}\t%{exitcode}\t%{errormsg}' "http://$name:$port/" || true)"
    printf '%s\t' "$name"
    printf '%s' "$1" | sed -E 's/\t0\t.*/\tanswered/; s/^\t([0-9]+)\t(.*)/-\t\1 \2/'
    echo
done
