#!/bin/sh
# Downloads from nginx on loopback: cede against whichever of curl, aria2c, wget2 are there, interleaved, so that what else runs on the machine hits all alike.
#
#     bench/transfer/run.sh [ROUNDS]
#
# For each case and program: the smallest and the median wall time, CPU time of the client, and its largest resident memory. Source and target are in /dev/shm, so
# that the disk does not decide; every file is compared with its source after the first round. NGINX_BINARY, CURL, ARIA2C and WGET2 name other binaries.
set -eu
unset NGINX
rounds=${1:-5}
root=$(cd "$(dirname "$0")/../.." && pwd)
cede=${CEDE:-$root/target/release/cede}
nginx=${NGINX_BINARY:-nginx} curl=${CURL:-curl} aria2c=${ARIA2C:-aria2c} wget2=${WGET2:-wget2}
dir=$(mktemp -d /dev/shm/cede-bench.XXXXXX)
chmod 755 "$dir"
port=${PORT:-8098}
base=http://127.0.0.1:$port
trap 'kill $(cat "$dir/nginx.pid") 2>/dev/null; rm -rf "$dir"' EXIT INT TERM

mkdir -p "$dir/src/small" "$dir/src/mid" "$dir/tmp"
head -c 1073741824 /dev/urandom >"$dir/src/big"
head -c 67108864 "$dir/src/big" >"$dir/src/capped"
head -c 40960000 "$dir/src/big" | split -b 4096 -a 4 -d - "$dir/src/small/"
ls "$dir/src/small" | sed "s|^|$base/small/|" >"$dir/small.list"
head -c 1048576000 "$dir/src/big" | split -b 5242880 -a 3 -d - "$dir/src/mid/"
ls "$dir/src/mid" | sed "s|^|$base/mid/|" >"$dir/mid.list"
for list in small mid; do sed 's|.*|url = "&"\nremote-name|' "$dir/$list.list" >"$dir/$list.curl"; done
cat >"$dir/nginx.conf" <<END
worker_processes 2;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 4096; }
http {
    access_log off; sendfile on; keepalive_requests 100000;
    client_body_temp_path $dir/tmp/a; proxy_temp_path $dir/tmp/b; fastcgi_temp_path $dir/tmp/c; uwsgi_temp_path $dir/tmp/d; scgi_temp_path $dir/tmp/e;
    server { listen 127.0.0.1:$port; root $dir/src; location /limited/ { alias $dir/src/; limit_rate 8m; } }
}
END
"$nginx" -c "$dir/nginx.conf" -p "$dir" -e "$dir/error.log"

# once CASE PROGRAM COMMAND...: runs it in an empty directory, and notes wall, user, system seconds and KiB.
once() {
    case=$1 program=$2
    shift 2
    rm -rf "$dir/out" && mkdir "$dir/out"
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

round=0
while [ $round -lt "$rounds" ]; do
    once big cede "$cede" get -q "$base/big"
    [ $round -gt 0 ] || cmp "$dir/out/big" "$dir/src/big"
    has "$curl" && once big curl "$curl" -sO "$base/big"
    has "$aria2c" && once big aria2c "$aria2c" -q --file-allocation=none "$base/big"
    has "$wget2" && once big wget2 "$wget2" -q "$base/big"
    once small cede "$cede" get -q -i "$dir/small.list"
    [ $round -gt 0 ] || diff -r "$dir/out" "$dir/src/small"
    has "$curl" && once small curl "$curl" -sZ --parallel-max 64 -K "$dir/small.curl"
    has "$wget2" && once small wget2 "$wget2" -q -i "$dir/small.list"
    once mid cede "$cede" get -q -i "$dir/mid.list"
    [ $round -gt 0 ] || diff -r "$dir/out" "$dir/src/mid"
    has "$curl" && once mid curl "$curl" -sZ --parallel-max 64 -K "$dir/mid.curl"
    has "$wget2" && once mid wget2 "$wget2" -q -i "$dir/mid.list"
    once limited cede "$cede" get -q "$base/limited/capped"
    has "$curl" && once limited curl "$curl" -sO "$base/limited/capped"
    round=$((round + 1))
done
python3 - "$dir/results" <<'END'
import collections, statistics, sys
rows = collections.OrderedDict()
for line in open(sys.argv[1]):
    case, program, code, wall, cpu, memory = line.split()
    rows.setdefault((case, program), []).append((int(code), float(wall), float(cpu), int(memory)))
print(f"{'case':<8} {'program':<8} {'least s':>8} {'median s':>9} {'CPU s':>7} {'MiB':>6}")
for (case, program), runs in rows.items():
    wall = [run[1] for run in runs]
    failed = sum(run[0] != 0 for run in runs)
    note = f"  {failed} failed" if failed else ""
    print(f"{case:<8} {program:<8} {min(wall):8.2f} {statistics.median(wall):9.2f} {statistics.median(run[2] for run in runs):7.2f} {max(run[3] for run in runs) / 1024:6.1f}{note}")
END
