#!/usr/bin/env python3
"""crates.py - run the published tests of crates that are written against tokio on the facade.

    crates.py --facade PATH|real --out DIR [--only NAME,NAME] [--exceptions exceptions.toml] [--list crates.toml]

Which crates, versions, features and how many tests pass with the real tokio: crates.toml, beside this file.  Each published crate is unpacked from cargo's download
into DIR, gets `[patch.crates-io] tokio = { path = PATH }`, and is checked to have exactly one tokio, the facade, in its graph.  Each has a target directory of its own
under DIR, unless --shared-target is given.

Results: DIR/crates.json and DIR/crates.txt.  Exit status: 0 if every crate has at least as many passes as with the real tokio (exceptions counted), 1 if not, 2 if
the run itself is broken.
"""
import argparse, collections, json, os, re, shutil, subprocess, sys, time, tomllib
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import tokio_conformance as tc

def write_manifest(folder, entry, facade):
    """The published manifest with the patch, without what is only for its own workspace, and with the development dependencies that publishing dropped."""
    path = os.path.join(folder, "Cargo.toml")
    man = tomllib.load(open(path, "rb"))
    for key in ("workspace", "lints", "patch"): man.pop(key, None)
    for target in man.get("bench", []), man.get("example", []): target.clear()
    man.get("dev-dependencies", {}).update(entry.get("dev-dependencies", {}))
    for name in entry.get("drop", []): man.get("dev-dependencies", {}).pop(name, None)
    man["workspace"] = {}
    man["profile"] = {"dev": {"debug": 0, "incremental": False}}
    man["patch"] = {"crates-io": {}}
    if facade: man["patch"]["crates-io"]["tokio"] = {"path": facade}
    if entry.get("patch-itself"): man["patch"]["crates-io"][entry["name"]] = {"path": "."}
    open(path, "w").write("".join(emit(man)))

def key(name): return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)

def emit(table, path=()):
    tables = {k: v for k, v in table.items() if isinstance(v, dict) and (len(path) < 2 or path[0] in ("target", "patch") and len(path) < 3)}
    arrays = {k: v for k, v in table.items() if isinstance(v, list) and v and all(isinstance(x, dict) for x in v)}
    plain = {k: v for k, v in table.items() if k not in tables and k not in arrays}
    if path and (plain or not tables): yield "[" + ".".join(key(p) for p in path) + "]\n"
    for k, v in plain.items(): yield f"{key(k)} = {tc.toml_val(v)}\n"
    for k, v in tables.items(): yield from emit(v, path + (k,))
    for k, v in arrays.items():
        for x in v:
            yield "[[" + ".".join(key(p) for p in path + (k,)) + "]]\n"
            for a, b in x.items(): yield f"{key(a)} = {tc.toml_val(b)}\n"

def run_one(entry, facade, out, target, timeout):
    name, version = entry["name"], entry["version"]
    fetched = tc.registry_crate(name, version, out, entry.get("sha256"))
    folder = os.path.join(out, "ws", name)
    lock = os.path.join(folder, "Cargo.lock")
    kept = open(lock).read() if os.path.exists(lock) and os.path.exists(os.path.join(folder, ".ours")) else None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(fetched, folder)
    if os.path.exists(lock): os.remove(lock)
    if kept: open(lock, "w").write(kept)
    open(os.path.join(folder, ".ours"), "w").close()
    write_manifest(folder, entry, facade)
    env = dict(os.environ, CARGO_TARGET_DIR=target or os.path.join(out, "target-" + name), CARGO_TERM_COLOR="never", RUSTFLAGS="--cap-lints warn", NEXTEST_NO_INPUT_HANDLER="1")
    if facade: tc.check_single_tokio(folder, facade, env)
    os.makedirs(os.path.join(folder, ".config"), exist_ok=True)
    store = os.path.join(out, "nextest-" + name)
    tc.write_nextest(folder, store, 60, '"num-cpus"', 0, timeout)
    select = ["--all-features"] if entry.get("features") == "all" else (["--features", ",".join(entry["features"])] if entry.get("features") else [])
    select += entry.get("targets", [])
    log = os.path.join(out, name + ".log")
    build_rc, build_s = tc.sh(["cargo", "build", "--tests", "--keep-going"] + select, folder, env, os.path.join(out, name + ".build.log"))
    junit = os.path.join(store, "conf/junit.xml")
    if os.path.exists(junit): os.remove(junit)
    expr = " and ".join(f"not test(={t})" for t in entry.get("skip", []))
    rc, run_s = tc.sh(["cargo", "nextest", "run", "--profile", "conf", "--no-fail-fast"] + select + (["-E", expr] if expr else []), folder, env, log, timeout=timeout + 300)
    results = {f"{name}::{s.split('::')[-1]}::{t}": dict(status=v[0], seconds=round(v[1], 3), **({"message": v[2]} if v[2] else {}))
               for (s, t), v in (tc.parse_junit(junit).items() if os.path.exists(junit) else ())}
    counts = collections.Counter(v["status"] for v in results.values())
    return dict(version=version, expected=entry["pass"], counts=dict(counts), compiled=build_rc == 0, build_seconds=round(build_s, 1), run_seconds=round(run_s, 1), tests=results)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--facade", required=True); ap.add_argument("--out", required=True); ap.add_argument("--only", default="")
    ap.add_argument("--list", default=os.path.join(HERE, "crates.toml")); ap.add_argument("--exceptions"); ap.add_argument("--timeout", type=int, default=900)
    ap.add_argument("--shared-target", action="store_true", help="one target directory for all: less disk, and what is shared is built once")
    a = ap.parse_args()
    out = os.path.abspath(a.out); os.makedirs(out, exist_ok=True)
    facade = None if a.facade == "real" else os.path.abspath(a.facade)
    listed = tomllib.load(open(a.list, "rb"))["crate"]
    chosen = [e for e in listed if not a.only or e["name"] in a.only.split(",")]
    allowed = {e["test"] for e in tomllib.load(open(a.exceptions, "rb")).get("crates", [])} if a.exceptions else set()
    res, lines, short = {}, [f"{'crate':14} {'version':9} {'real tokio':>10} {'facade':>7} {'fail':>5} {'excused':>8}  build s  run s"], []
    for e in chosen:
        r = res[e["name"]] = run_one(e, facade, out, os.path.join(out, "target") if a.shared_target else None, a.timeout)
        failed = sorted(t for t, v in r["tests"].items() if v["status"] not in ("pass", "ignored"))
        r["excused"] = [t for t in failed if t in allowed]; r["failed"] = [t for t in failed if t not in allowed]
        passed = r["counts"].get("pass", 0)
        lines.append(f"{e['name']:14} {e['version']:9} {e['pass']:>10} {passed:>7} {len(r['failed']):>5} {len(r['excused']):>8}  {r['build_seconds']:7} {r['run_seconds']:6}" + ("" if r["compiled"] else "  some tests do not compile"))
        lines += [f"    {t}: {r['tests'][t].get('message', '')[:200]}" for t in r["failed"]]
        if passed + len(r["excused"]) < e["pass"]: short.append(e["name"])
        print(lines[-1 - len(r["failed"])], flush=True)
        json.dump(dict(facade=facade or "real", crates=res), open(os.path.join(out, "crates.json"), "w"), indent=1)
    lines.append(f"crates below the real tokio: {', '.join(short) if short else 'none'}")
    open(os.path.join(out, "crates.txt"), "w").write("\n".join(lines) + "\n")
    print("\n".join(lines))
    sys.exit(1 if short else 0)

if __name__ == "__main__": main()
