#!/bin/sh
# A workload. Tries what it is given again and again, and says what becomes of each: at first, and whenever that changes.
#
#   http://HOST     connects
#   NAME@SERVER     asks that DNS server

connects() {
    answer=$(curl --silent --output /dev/null --max-time 3 --write-out '%{http_code}, by %{remote_ip}' "$1")
    case $? in
        0) echo "$answer" ;;
        6) echo "no such name" ;;
        7) echo "no connection" ;;
        28) echo "timed out" ;;
        *) echo "curl ended with $?" ;;
    esac
}

asks() {
    said=$(nslookup -type=a "$1" "$2" 2>&1)
    case $said in
        *"can't find"*) echo "no answer: ${said##*: }" ;;
        *"no servers"*) echo "nobody answers" ;;
        *) echo "it is ${said##*Address*: }" ;;
    esac
}

outcome() {
    case $1 in
        *@*) asks "${1%@*}" "${1#*@}" ;;
        *) connects "$1" ;;
    esac
}

repeatedly() {
    before=
    while now=$(outcome "$1"); do
        [ "$now" = "$before" ] || echo "$1 → $now"
        before=$now
        sleep 2
    done
}

trap exit TERM
for each; do
    repeatedly "$each" &
done
wait
