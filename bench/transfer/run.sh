#!/bin/sh
# Downloads from nginx on loopback: cede against whichever of curl, aria2c, wget2 are there, interleaved, so that what else runs on the machine hits all alike.
#
#     bench/transfer/run.sh [ROUNDS]
#
# For each case and program: the smallest and the median wall time, CPU time of the client, and its largest resident memory. Source and target are in /dev/shm, so
# that the disk does not decide; every file is compared with its source after the first round. NGINX_BINARY, CURL, ARIA2C, WGET2 and XH name other binaries.
#
# The order of programs within a case turns around from round to round. The last column is the median, over rounds, of the wall time divided by curl's of the
# same round, with the least and the most of these: what else the machine does hits the runs of one round about alike.
#
# CASES names the cases, if not all of them are wanted: big small mid bigs smalls mids limited.
#
# At the end: how many bytes the server sent beyond the file's size when `cede get` was killed at some moment and run again (KILLS times, 10 if not set).
set -eu
unset NGINX
rounds=${1:-5}
cases=${CASES:-big small mid bigs smalls mids limited}
for case in $cases; do
    case $case in
    big | small | mid | bigs | smalls | mids | limited) ;;
    *) echo "CASES: there is no case $case" >&2 && exit 2 ;;
    esac
done
root=$(cd "$(dirname "$0")/../.." && pwd)
cede=$(realpath "${CEDE:-$root/target/release/cede}")
nginx=${NGINX_BINARY:-nginx} curl=${CURL:-curl} aria2c=${ARIA2C:-aria2c} wget2=${WGET2:-wget2} xh=${XH:-xh}
dir=$(mktemp -d /dev/shm/cede-bench.XXXXXX)
chmod 755 "$dir"
port=${PORT:-8098}
base=http://127.0.0.1:$port secure=https://127.0.0.1:$((port + 1))
trap 'kill $(cat "$dir/nginx.pid") 2>/dev/null; rm -rf "$dir"' EXIT INT TERM

mkdir -p "$dir/src/small" "$dir/src/mid" "$dir/tmp"
head -c 1073741824 /dev/urandom >"$dir/src/big"
head -c 67108864 "$dir/src/big" >"$dir/src/capped"
head -c 40960000 "$dir/src/big" | split -b 4096 -a 4 -d - "$dir/src/small/"
ls "$dir/src/small" | sed "s|^|$base/small/|" >"$dir/small.list"
head -c 1048576000 "$dir/src/big" | split -b 5242880 -a 3 -d - "$dir/src/mid/"
ls "$dir/src/mid" | sed "s|^|$base/mid/|" >"$dir/mid.list"
for list in small mid; do sed "s|^$base|$secure|" "$dir/$list.list" >"$dir/${list}s.list"; done
for list in small mid smalls mids; do sed 's|.*|url = "&"\nremote-name|' "$dir/$list.list" >"$dir/$list.curl"; done
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE 2>/dev/null
cat >"$dir/nginx.conf" <<END
worker_processes 2;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 4096; }
http {
    log_format sent '\$bytes_sent';
    access_log off; sendfile on; keepalive_requests 100000;
    client_body_temp_path $dir/tmp/a; proxy_temp_path $dir/tmp/b; fastcgi_temp_path $dir/tmp/c; uwsgi_temp_path $dir/tmp/d; scgi_temp_path $dir/tmp/e;
    server {
        listen 127.0.0.1:$port; root $dir/src;
        location /limited/ { alias $dir/src/; limit_rate 8m; }
        location /counted/ { alias $dir/src/; access_log $dir/sent sent; }
    }
    server { listen 127.0.0.1:$((port + 1)) ssl; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem; root $dir/src; }
}
END
"$nginx" -c "$dir/nginx.conf" -p "$dir" -e "$dir/error.log"

# once CASE PROGRAM COMMAND...: runs it in an empty directory, and notes wall, user, system seconds and KiB.
once() {
    case=$1 program=$2
    shift 2
    rm -rf "$dir/out" && mkdir "$dir/out"
    # In a virtual machine, memory that was not used for a while is the host's, and whoever writes there first pays for getting it. So that this is nobody's lot, as
    # much as the largest case needs is written and freed before each run.
    head -c 1153433600 /dev/zero >"$dir/out/warm" && rm "$dir/out/warm"
    (cd "$dir/out" && python3 - "$dir/results" "$case" "$program" "$@" <<'END'
import os, resource, subprocess, sys, time
results, case, program, *command = sys.argv[1:]
start = time.monotonic()
code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(results, "a") as out:
    print(case, program, code, f"{wall:.3f} {used.ru_utime + used.ru_stime:.3f} {used.ru_maxrss}", file=out)
END
    )
}

has() { command -v "$1" >/dev/null 2>&1; }

# contest CASE PROGRAM...: each program's turn, in this order or backwards.
contest() {
    case=$1
    shift
    order=$*
    if [ $((round % 2)) -eq 1 ]; then
        order=
        for program in "$@"; do order="$program $order"; done
    fi
    for program in $order; do turn "$case" "$program"; done
}

# turn CASE PROGRAM
turn() {
    cacert=$dir/cert.pem
    case $1-$2 in
    big-cede) once "$@" "$cede" get -q "$base/big" ;;
    big-one) once "$@" "$cede" get -q --segments 1 "$base/big" ;;
    big-curl) once "$@" "$curl" -sO "$base/big" ;;
    big-aria2c) once "$@" "$aria2c" -q --file-allocation=none "$base/big" ;;
    big-wget2) once "$@" "$wget2" -q "$base/big" ;;
    # Without a name it writes to standard output unless that is a terminal.
    big-xh) once "$@" "$xh" --ignore-stdin -q -d -o big "$base/big" ;;
    bigs-cede) once "$@" "$cede" get -q --cacert "$cacert" "$secure/big" ;;
    bigs-curl) once "$@" "$curl" -sO --cacert "$cacert" "$secure/big" ;;
    limited-cede) once "$@" "$cede" get -q "$base/limited/capped" ;;
    limited-curl) once "$@" "$curl" -sO "$base/limited/capped" ;;
    *-cede) once "$@" "$cede" get -q --cacert "$cacert" -i "$dir/$1.list" ;;
    *-curl) once "$@" "$curl" -sZ --cacert "$cacert" --parallel-max 64 -K "$dir/$1.curl" ;;
    *-aria2c) once "$@" "$aria2c" -q -j64 --file-allocation=none -i "$dir/$1.list" ;;
    *-wget2) once "$@" "$wget2" -q -i "$dir/$1.list" ;;
    esac
    if [ "$round" -eq 0 ] && [ "$2" = cede ]; then
        case $1 in
        big*) cmp "$dir/out/big" "$dir/src/big" ;;
        limited) cmp "$dir/out/capped" "$dir/src/capped" ;;
        small*) diff -r "$dir/out" "$dir/src/small" ;;
        mid*) diff -r "$dir/out" "$dir/src/mid" ;;
        esac
    fi
}

peers=
for program in "$curl" "$aria2c" "$wget2"; do
    if has "$program"; then peers="$peers $(basename "$program")"; fi
done
if has "$xh"; then single=xh; else single=; fi
round=0
# The lists of programs are words.
# shellcheck disable=SC2086
while [ $round -lt "$rounds" ]; do
    for case in $cases; do
        case $case in
        big) contest big cede one $peers $single ;;
        small | mid) contest $case cede $peers ;;
        *) contest $case cede curl ;;
        esac
    done
    round=$((round + 1))
done
python3 - "$dir/results" <<'END'
import collections, statistics, sys
rows = collections.OrderedDict()
for line in open(sys.argv[1]):
    case, program, code, wall, cpu, memory = line.split()
    rows.setdefault((case, program), []).append((int(code), float(wall), float(cpu), int(memory)))
print(f"{'case':<8} {'program':<8} {'least s':>8} {'median s':>9} {'CPU s':>7} {'MiB':>6}  wall by curl's (least to most)")
for (case, program), runs in rows.items():
    wall = [run[1] for run in runs]
    curl = rows.get((case, "curl"))
    ratios = [mine[1] / theirs[1] for mine, theirs in zip(runs, curl)] if curl else []
    shown = f"{statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
    failed = sum(run[0] != 0 for run in runs)
    note = f"  {failed} failed" if failed else ""
    cpu, memory = statistics.median(run[2] for run in runs), max(run[3] for run in runs) / 1024
    print(f"{case:<8} {program:<8} {min(wall):8.2f} {statistics.median(wall):9.2f} {cpu:7.2f} {memory:6.1f}  {shown}{note}")
END
python3 - "$cede" "$base/counted/big" "$dir" "${KILLS:-10}" <<'END'
import filecmp, os, random, shutil, subprocess, sys, time
cede, url, dir, kills = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
again, size = [], os.path.getsize(dir + "/src/big")
for _ in range(kills):
    shutil.rmtree(dir + "/out", ignore_errors=True)
    os.mkdir(dir + "/out")
    first = subprocess.Popen([cede, "get", "-q", url], cwd=dir + "/out")
    time.sleep(random.uniform(0.1, 1.0))
    first.kill()
    first.wait()
    if not os.path.exists(dir + "/out/big"):
        subprocess.run([cede, "get", "-q", url], cwd=dir + "/out", check=True)
        assert filecmp.cmp(dir + "/out/big", dir + "/src/big", shallow=False)
        time.sleep(0.2)
        again.append(sum(map(int, open(dir + "/sent"))) - size)
    os.truncate(dir + "/sent", 0)
if again:
    print(f"fetched again after kill -9: at most {max(again) / 2**20:.0f} MiB, on average {sum(again) / len(again) / 2**20:.0f} MiB, {len(again)} kills")
END
