#!/usr/bin/env python3
"""tokio_doctests.py --facade PATH --out DIR [--area sync,time,...] - the examples in tokio's own documentation, run against a facade.

A second suite that we did not write: the code blocks of the `///` and `//!` comments of the published
tokio source (read from cargo's registry at run time, written only to the scratch directory), compiled
and run as doctests of scratch crates that depend on the facade; one scratch crate per area (top-level
source directory).  Edition 2024, so rustdoc compiles an area's examples as one binary when they all
compile and one by one when they do not.  A block that does not compile counts as failed.
"""
import argparse, collections, glob, json, os, re, shutil, subprocess, sys, time, tomllib
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tokio_conformance as tc

DOC = re.compile(r"^\s*//([/!]) ?(.*)$")

def doc_blocks(path):
    """consecutive doc-comment lines -> text, keeping line numbers by padding with blank lines"""
    out = []
    for line in open(path, encoding="utf8"):
        m = DOC.match(line.rstrip("\n"))
        out.append(m.group(2) if m and not line.strip().startswith("////") else None)
    return out

def to_markdown(lines):
    """only the fenced blocks, each at its own line of the source (so failures can be located)"""
    md, n, fence = [], 0, None
    for l in lines:
        if l is None:
            if fence: md.append("```"); fence = None
            else: md.append("")
            continue
        s = l.strip()
        if fence is None and s.startswith("```"):
            fence, ind = s, len(l) - len(l.lstrip()); info = s[3:].strip()
            md.append("```" + info); n += 1
        elif fence is not None and s.startswith("```"): md.append("```"); fence = None
        else: md.append((l[ind:] if l[:ind].strip() == "" else l) if fence is not None else "")
    if fence: md.append("```")
    return "\n".join(md) + "\n", n

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--facade", required=True); ap.add_argument("--out", required=True); ap.add_argument("--area", default="")
    ap.add_argument("--tokio-version", default=tc.TOKIO_VERSION); ap.add_argument("--total-timeout", type=int, default=1800)
    ap.add_argument("--baseline", help="doctests.json of the real tokio")
    ap.add_argument("--against-real", action="store_true", help="measure the real tokio first, unless DIR/real has a result, and compare with that")
    ap.add_argument("--exceptions", help="exceptions.toml: examples that may fail; any other that passes with the real tokio makes the exit status 1")
    a = ap.parse_args()
    out = os.path.abspath(a.out); os.makedirs(out, exist_ok=True)
    if a.against_real and a.facade != "real":
        a.baseline = os.path.join(out, "real", "doctests.json")
        if not os.path.exists(a.baseline):
            subprocess.run([sys.executable, os.path.abspath(__file__), "--facade", "real", "--out", os.path.join(out, "real"), "--tokio-version", a.tokio_version], check=True)
    src = tc.registry_crate("tokio", a.tokio_version, out)
    man = tomllib.load(open(os.path.join(src, "Cargo.toml"), "rb"))
    if a.facade == "real": a.facade = src
    have, _ = tc.facade_features(os.path.abspath(a.facade))
    ws = os.path.join(out, "ws"); shutil.rmtree(os.path.join(ws, "crates"), ignore_errors=True); os.makedirs(os.path.join(ws, "crates"), exist_ok=True)
    areas = collections.defaultdict(list)
    for f in sorted(glob.glob(os.path.join(src, "src/**/*.rs"), recursive=True)):
        rel = os.path.relpath(f, os.path.join(src, "src"))
        if "/tests/" in rel or "windows" in rel or rel.startswith(("loom", "doc/")) or "/loom" in rel: continue
        md, n = to_markdown(doc_blocks(f))
        if n: areas[rel.split("/")[0].replace(".rs", "")].append((rel, md))
    if a.area: areas = {k: v for k, v in areas.items() if k in a.area.split(",")}
    feats = [f for f in ("full", "test-util") if f in have]
    devs = dict(man["dev-dependencies"])
    for cond, t in man.get("target", {}).items():
        if "windows" in cond or "freebsd" in cond or "loom" in cond or "tokio_unstable" in cond or "wasm-bindgen-test" in str(t): continue
        devs.update(t.get("dev-dependencies", {}))
    for k in ("bytes", "pin-project-lite", "mio"): devs.setdefault(k, man["dependencies"][k] if isinstance(man["dependencies"][k], str) else man["dependencies"][k]["version"])
    with open(os.path.join(ws, "Cargo.toml"), "w") as fh:
        fh.write('[workspace]\nresolver = "2"\nmembers = ["crates/*"]\n\n[patch.crates-io]\ntokio = { path = %s }\n\n[profile.dev]\ndebug = 0\nincremental = false\n' % json.dumps(os.path.realpath(a.facade)))
    for ar, files in areas.items():
        d = os.path.join(ws, "crates", "doc_" + ar); os.makedirs(os.path.join(d, "src"))
        with open(os.path.join(d, "Cargo.toml"), "w") as fh:
            fh.write(f'[package]\nname = "doc_{ar}"\nversion = "0.0.0"\nedition = "2024"\n[lib]\ntest = false\n[dependencies]\ntokio = {{ version = "1", features = {tc.toml_val(feats)} }}\n[dev-dependencies]\n')
            for k, v in devs.items(): fh.write(f"{k} = {tc.toml_val(v)}\n")
            fh.write('[lints.rust]\nunexpected_cfgs = "allow"\n')
        with open(os.path.join(d, "src/lib.rs"), "w") as fh:
            for i, (rel, md) in enumerate(files):
                nm = re.sub(r"\W", "_", rel[:-3]) + ".md"
                open(os.path.join(d, nm), "w").write(md)
                fh.write(f'#[doc = include_str!("../{nm}")]\npub mod {"m_" + nm[:-3]} {{}}\n')
    env = dict(os.environ, CARGO_TARGET_DIR=os.path.join(out, "target"), CARGO_TERM_COLOR="never", RUST_TEST_THREADS=str(os.cpu_count() or 2))
    ver, _ = tc.check_single_tokio(ws, os.path.abspath(a.facade), env)
    res, t0, log = {}, time.time(), open(os.path.join(out, "doctest.log"), "w")
    for ar in areas:
        left = a.total_timeout - (time.time() - t0)
        try: p = subprocess.run(["timeout", str(max(10, int(left))), "cargo", "test", "--doc", "--no-fail-fast", "-p", "doc_" + ar], cwd=ws, env=env, capture_output=True, text=True)
        except subprocess.TimeoutExpired: continue
        log.write(p.stdout + p.stderr); log.flush()
        r = collections.Counter(); bad, good = [], []
        for m in re.finditer(r"^test (\S+) - (\S+)(?: \(line (\d+)\))?(?: - ([a-z ]+))? \.\.\. (ok|FAILED|ignored)", p.stdout, re.M):
            st = {"ok": "pass", "FAILED": "fail", "ignored": "ignored"}[m.group(5)]
            r[st] += 1
            if st != "ignored": (bad if st == "fail" else good).append(f"{m.group(2)} line {m.group(3)}")
        res[ar] = dict(counts=dict(r), blocks=sum(md.count("\n```") + md.startswith("```") for _, md in areas[ar]) // 2, failed=bad, passed=good, rc=p.returncode)
        print(f"{ar:10} " + " ".join(f"{k}={v}" for k, v in sorted(r.items())) + (f"   rc={p.returncode}" if not r else ""), flush=True)
        if not r: print(p.stderr[-1500:])
    tot = collections.Counter()
    for v in res.values(): tot.update(v["counts"])
    s = dict(facade=os.path.realpath(a.facade), version=ver, counts=dict(tot), seconds=round(time.time() - t0), target_mb=tc.du(env["CARGO_TARGET_DIR"]))
    if a.baseline:
        base = json.load(open(a.baseline))["areas"]
        lost = [f"{ar} {x}" for ar, v in base.items() if not a.area or ar in a.area.split(",") for x in v["passed"] if x not in res.get(ar, {}).get("passed", [])]
        bp = sum(len(v["passed"]) for ar, v in base.items() if not a.area or ar in a.area.split(","))
        s.update(baseline_pass=bp, lost=len(lost), conform_percent=round(100 * (bp - len(lost)) / bp, 2) if bp else None, lost_list=lost)
    allowed = {e["example"] for e in tomllib.load(open(a.exceptions, "rb")).get("docs", [])} if a.exceptions else set()
    unexpected = [x for x in s.get("lost_list", []) if x not in allowed]
    s["unexpected"] = unexpected
    json.dump(dict(summary=s, areas=res), open(os.path.join(out, "doctests.json"), "w"), indent=1)
    print("TOTAL", {k: v for k, v in s.items() if k not in ("lost_list", "unexpected")})
    for ar, v in res.items():
        for b in v["failed"][:10]: print("   failed:", ar, b)
    for u in unexpected: print("   fails only on the facade:", u)
    if unexpected and a.exceptions: sys.exit(1)

if __name__ == "__main__": main()
