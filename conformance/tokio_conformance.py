#!/usr/bin/env python3
"""tokio_conformance.py - run the published tokio crate's own integration tests against a facade.

    tokio_conformance.py --facade PATH|real --out DIR [--filter FILE-GLOB] [options]

PATH is the root of a crate whose package name is `tokio`; the word `real` takes the published tokio itself.
The tests are read, at run time, from cargo's registry (tokio-<version>/tests as published on
the registry; cargo downloads the crate if it is not there).  They are copied only into the scratch
directory DIR, where a small workspace is generated:

    DIR/ws/Cargo.toml       [patch.crates-io] tokio = { path = PATH }
    DIR/ws/conf-plain, conf-tt   two packages with tokio's published dev-dependencies (conf-plain without
                            tokio-stream and tokio-test, for the files that need neither)
    DIR/ws/conf-*/tests/*.rs     each file its own test target
    DIR/target              build output
    DIR/results.json        full result         DIR/table.txt   the table that is printed

The denominator is NOT what happened to compile: the test functions are counted by a scanner of our
own (tokenizer + #[cfg] evaluation + macro_rules expansion), so a file that does not compile counts
all its tests as failed.  When a file compiles, the scanner's names are checked against what the
test binary lists.

Exit status: 0 if a result was produced (whatever the pass rate), 1 if a test failed that --exceptions
does not list, 2 if the run itself is broken
(facade not picked up by the patch, cargo metadata failure, ...).
"""
import argparse, fnmatch, glob, hashlib, json, os, re, resource, shutil, subprocess, sys, tarfile, time, tomllib
import xml.etree.ElementTree as ET

TOKIO_VERSION = "1.54.1"
SHA256 = {("tokio", "1.54.1"): "b52fd3255258d26fac7264ab5a76b53c13367136dc011d3d6ad4f8ed070396a3"}   # = the checksum in the registry's index

# --------------------------------------------------------------------------------------------
# 1. A small Rust scanner: which test functions does a file declare, under which cfg?
# --------------------------------------------------------------------------------------------

TOKEN_RE = re.compile(r"""
    (?P<ws>\s+)
  | (?P<lc>//[^\n]*)
  | (?P<bc>/\*)
  | (?P<rstr>(?:br|cr|r)(?P<hash>\#*)")
  | (?P<str>(?:b|c)?"(?:\\.|[^"\\])*")
  | (?P<chr>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^'\\\n])')
  | (?P<life>'[A-Za-z_][A-Za-z0-9_]*)
  | (?P<id>(?:r\#)?[A-Za-z_][A-Za-z0-9_]*)
  | (?P<num>[0-9](?:[0-9A-Za-z_]|\.(?=[0-9]))*)
  | (?P<p>::|->|=>|\.\.\.|\.\.=|\.\.|.)
""", re.X | re.S)

class Tok:
    __slots__ = ("k", "s", "line")
    def __init__(self, k, s, line): self.k, self.s, self.line = k, s, line
    def __repr__(self): return self.s

class Group:
    __slots__ = ("d", "c", "line")
    def __init__(self, d, c, line): self.d, self.c, self.line = d, c, line
    def __repr__(self): return self.d + " ".join(map(repr, self.c)) + {"(": ")", "[": "]", "{": "}"}[self.d]

def lex(src):
    out, i, n, line = [], 0, len(src), 1
    while i < n:
        m = TOKEN_RE.match(src, i)
        k = m.lastgroup
        if m.group("bc"):
            depth, j = 1, i + 2
            while depth and j < n:
                if src.startswith("/*", j): depth += 1; j += 2
                elif src.startswith("*/", j): depth -= 1; j += 2
                else: j += 1
            line += src.count("\n", i, j); i = j; continue
        if m.group("rstr"):
            end = src.index('"' + m.group("hash"), m.end()) + 1 + len(m.group("hash"))
            out.append(Tok("lit", src[i:end], line)); line += src.count("\n", i, end); i = end; continue
        s = m.group(0)
        if m.group("ws") or m.group("lc"): pass
        elif m.group("str") or m.group("chr") or m.group("num"): out.append(Tok("lit", s, line))
        elif m.group("life"): out.append(Tok("life", s, line))
        elif m.group("id"): out.append(Tok("id", s, line))
        else: out.append(Tok("p", s, line))
        line += s.count("\n"); i = m.end()
    return out

def trees(toks):
    close = {"(": ")", "[": "]", "{": "}"}
    stack = [(None, [], 0)]
    for t in toks:
        if t.k == "p" and t.s in close: stack.append((t.s, [], t.line))
        elif t.k == "p" and t.s in ")]}":
            d, c, ln = stack.pop()
            stack[-1][1].append(Group(d, c, ln))
        else: stack[-1][1].append(t)
    return stack[0][1]

def is_p(t, s): return isinstance(t, Tok) and t.k == "p" and t.s == s
def is_id(t, s=None): return isinstance(t, Tok) and t.k == "id" and (s is None or t.s == s)
def is_g(t, d): return isinstance(t, Group) and t.d == d

class Cfg:
    """Evaluates cfg predicates.  Unknown names are false."""
    def __init__(self, names, keys): self.names, self.keys = set(names), {k: set(v) for k, v in keys.items()}
    def ev(self, ts):
        ts = [t for t in ts]
        if not ts: return True
        if is_id(ts[0]) and len(ts) > 1 and is_g(ts[1], "("):
            op, args = ts[0].s, split_commas(ts[1].c)
            vals = [self.ev(a) for a in args if a]
            if op == "all": return all(vals)
            if op == "any": return any(vals)
            if op == "not": return not vals[0]
            return False
        if len(ts) >= 3 and is_p(ts[1], "="):
            return ts[2].s.strip('"') in self.keys.get(ts[0].s, ())
        if is_id(ts[0]): return ts[0].s in self.names or ts[0].s == "true"
        return False

def split_commas(ts):
    out = [[]]
    for t in ts:
        if is_p(t, ","): out.append([])
        else: out[-1].append(t)
    if out and not out[-1]: out.pop()
    return out

HOST = dict(target_os=["linux"], target_family=["unix"], target_arch=["x86_64"], target_env=["gnu"],
            target_pointer_width=["64"], target_has_atomic=["8", "16", "32", "64", "ptr"], panic=["unwind"],
            target_endian=["little"], target_vendor=["unknown"])
STABLE_FEATURES = ["default", "full", "fs", "io-util", "io-std", "macros", "net", "parking_lot", "process", "rt",
                   "rt-multi-thread", "signal", "sync", "time", "test-util"]
UNSTABLE_FEATURES = ["tracing", "taskdump", "io-uring", "schedule-latency"]
CFG_STABLE = Cfg(["unix", "test", "debug_assertions"], dict(HOST, feature=STABLE_FEATURES))
CFG_UNSTABLE = Cfg(["unix", "test", "debug_assertions", "tokio_unstable", "tokio_taskdump"],
                   dict(HOST, feature=STABLE_FEATURES + UNSTABLE_FEATURES))

# ---- macro_rules -------------------------------------------------------------------------------

class NoMatch(Exception): pass
STOP = object()

def parse_pattern(ts):
    """-> list of ('tok',t) | ('grp',d,pat) | ('var',name,frag) | ('rep',pat,sep,op)"""
    out, i = [], 0
    while i < len(ts):
        t = ts[i]
        if is_p(t, "$") and i + 1 < len(ts):
            nx = ts[i + 1]
            if is_g(nx, "("):
                j, sep = i + 2, None
                if not (isinstance(ts[j], Tok) and ts[j].s in "*+?"): sep = ts[j]; j += 1
                out.append(("rep", parse_pattern(nx.c), sep, ts[j].s)); i = j + 1; continue
            if is_id(nx) and i + 3 < len(ts) + 0 and is_p(ts[i + 2], ":"):
                out.append(("var", nx.s, ts[i + 3].s)); i += 4; continue
        if isinstance(t, Group): out.append(("grp", t.d, parse_pattern(t.c)))
        else: out.append(("tok", t))
        i += 1
    return out

def frag(ts, i, kind, follow):
    n = len(ts)
    if i >= n: raise NoMatch
    if kind == "tt":
        if isinstance(ts[i], Tok) and ts[i].s == "$": raise NoMatch
        return i + 1
    if kind == "ident":
        if not is_id(ts[i]): raise NoMatch
        return i + 1
    if kind in ("literal", "lifetime", "block"): return i + 1
    if kind == "item":
        j = i
        while j < n and is_p(ts[j], "#"): j += 2
        while j < n:
            if is_p(ts[j], ";"): return j + 1
            if is_g(ts[j], "{"): return j + 1
            j += 1
        raise NoMatch
    if kind == "meta":
        j = i
        while j < n and not is_p(ts[j], ","): j += 1
        if j == i: raise NoMatch
        return j
    # expr, ty, pat, path, stmt, vis: up to the follow token, a comma, a semicolon or =>
    j = i
    while j < n and not (isinstance(ts[j], Tok) and ts[j].k == "p" and ts[j].s in (",", ";", "=>")):
        if follow is not None and isinstance(ts[j], Tok) and ts[j].s == follow: break
        j += 1
    if j == i: raise NoMatch
    return j

def match(pat, ts, i=0, whole=True):
    b = {}
    for pi, p in enumerate(pat):
        if p[0] == "tok":
            if i >= len(ts) or not isinstance(ts[i], Tok) or ts[i].s != p[1].s: raise NoMatch
            i += 1
        elif p[0] == "grp":
            if i >= len(ts) or not is_g(ts[i], p[1]): raise NoMatch
            bb, _ = match(p[2], ts[i].c); b.update(bb); i += 1
        elif p[0] == "var":
            nxt = pat[pi + 1] if pi + 1 < len(pat) else None
            j = frag(ts, i, p[2], nxt[1].s if nxt and nxt[0] == "tok" else None)
            b[p[1]] = ts[i:j]; i = j
        else:
            reps, sub, sep, op = [], p[1], p[2], p[3]
            while i < len(ts):
                try:
                    k = i
                    if sep is not None and reps:
                        if not (isinstance(ts[k], Tok) and ts[k].s == sep.s): break
                        k += 1
                    bb, k2 = match(sub, ts, k, whole=False)
                    if k2 == i: break
                    reps.append(bb); i = k2
                    if op == "?": break
                except NoMatch: break
            if op == "+" and not reps: raise NoMatch
            for name in var_names(sub): b[name] = ("reps", [r.get(name) for r in reps])
    if whole and i != len(ts): raise NoMatch
    return b, i

def var_names(pat):
    for p in pat:
        if p[0] == "var": yield p[1]
        elif p[0] == "grp": yield from var_names(p[2])
        elif p[0] == "rep": yield from var_names(p[1])

def subst(body, b):
    out, i = [], 0
    while i < len(body):
        t = body[i]
        if is_p(t, "$") and i + 1 < len(body):
            nx = body[i + 1]
            if is_id(nx) and nx.s in b:
                v = b[nx.s]
                if isinstance(v, list): out.extend(v)
                i += 2; continue
            if is_g(nx, "("):
                j, sep = i + 2, None
                if j < len(body) and not (isinstance(body[j], Tok) and body[j].s in "*+?"): sep = body[j]; j += 1
                used = [t2.s for t2 in flat(nx.c) if is_id(t2)]
                reps = [b[u] for u in used if u in b and isinstance(b[u], tuple)]
                cnt = max((len(r[1]) for r in reps), default=0)
                for k in range(cnt):
                    bb = dict(b)
                    for u in used:
                        if u in b and isinstance(b[u], tuple) and k < len(b[u][1]): bb[u] = b[u][1][k]
                    if k and sep is not None: out.append(sep)
                    out.extend(subst(nx.c, bb))
                i = j + 1; continue
        if isinstance(t, Group): out.append(Group(t.d, subst(t.c, b), t.line))
        else: out.append(t)
        i += 1
    return out

def flat(ts):
    for t in ts:
        if isinstance(t, Group): yield from flat(t.c)
        else: yield t

def parse_macro(body):
    arms, i = [], 0
    while i < len(body):
        if isinstance(body[i], Group) and i + 2 < len(body) and is_p(body[i + 1], "=>") and isinstance(body[i + 2], Group):
            arms.append((parse_pattern(body[i].c), body[i + 2].c)); i += 3
            if i < len(body) and is_p(body[i], ";"): i += 1
        else: i += 1
    return arms

# ---- items -------------------------------------------------------------------------------------

ITEM_KW = {"fn", "mod", "struct", "enum", "union", "trait", "impl", "use", "const", "static", "type", "extern", "macro_rules"}

class TestFn:
    def __init__(self, name, line, ignored, attr, in_macro): self.name, self.line, self.ignored, self.attr, self.in_macro = name, line, ignored, attr, in_macro

def eval_attrs(attrs, cfg):
    """-> (enabled, [flattened attr token lists])"""
    on, out = True, []
    def add(ts):
        nonlocal on
        if ts and is_id(ts[0], "cfg") and len(ts) > 1 and is_g(ts[1], "("):
            if not cfg.ev(ts[1].c): on = False
        elif ts and is_id(ts[0], "cfg_attr") and len(ts) > 1:
            parts = split_commas(ts[1].c)
            if parts and cfg.ev(parts[0]):
                for a in parts[1:]: add(a)
        else: out.append(ts)
    for a in attrs: add(a)
    return on, out

def scan_items(ts, cfg, path, macros, aliases, found, in_macro=False, depth=0):
    i, n = 0, len(ts)
    # inner attributes can switch the whole module off
    inner, j = [], 0
    while j + 2 < n and is_p(ts[j], "#") and is_p(ts[j + 1], "!") and is_g(ts[j + 2], "["):
        inner.append(ts[j + 2].c); j += 3
    on, _ = eval_attrs(inner, cfg)
    if not on: return
    i = j
    attrs = []
    while i < n:
        t = ts[i]
        if is_p(t, "#") and i + 1 < n and is_g(ts[i + 1], "["):
            attrs.append(ts[i + 1].c); i += 2; continue
        # one item: find its extent
        start = i
        head = []
        while i < n and not is_p(ts[i], ";") and not is_g(ts[i], "{"):
            # `use a::{b}` / `static X: T = {..}` are fine: they end at ';' - handle below
            head.append(ts[i]); i += 1
        term = ts[i] if i < n else None
        i += 1
        kw = next((h.s for h in head if is_id(h) and h.s in ITEM_KW), None)
        if kw in ("use", "const", "static", "type") and not any(is_id(h, "fn") for h in head):
            while term is not None and not is_p(term, ";") and i <= n:   # runs to ';'
                head.append(term)
                while i < n and not is_p(ts[i], ";"): head.append(ts[i]); i += 1
                term = ts[i] if i < n else None
                i += 1
        elif kw in ("struct", "enum", "union") and is_g(term, "{") and i < n and is_p(ts[i], ";"): i += 1
        on, at = eval_attrs(attrs, cfg)
        attrs = []
        if not on: continue
        if kw == "macro_rules":
            name = next((h.s for k, h in enumerate(head) if is_id(h) and h.s != "macro_rules"), None)
            if is_g(term, "{"): macros[name] = parse_macro(term.c)
            elif head and isinstance(head[-1], Group): macros[name] = parse_macro(head[-1].c)
        elif kw == "use":
            s = " ".join(map(repr, head))
            m = re.search(r"(\w+) (?:as (\w+) )?$", s.replace(";", "") + " ")
            m2 = re.search(r"\b(tokio|crate) :: test as (\w+)", s)
            if m2: aliases.add(m2.group(2))
        elif kw == "mod" and is_g(term, "{"):
            k = next(k for k, h in enumerate(head) if is_id(h, "mod"))
            scan_items(term.c, cfg, path + [head[k + 1].s], dict(macros), set(aliases), found, in_macro, depth)
        elif kw == "fn":
            k = next(k for k, h in enumerate(head) if is_id(h, "fn"))
            name = head[k + 1].s if k + 1 < len(head) else "?"
            test, ign, spelled = False, False, None
            for a in at:
                segs = []
                for x in a:
                    if is_id(x): segs.append(x.s)
                    elif is_p(x, "::"): continue
                    else: break
                if not segs: continue
                if segs[-1] == "ignore": ign = True
                if segs[-1] == "test" or (len(segs) == 1 and segs[0] in aliases): test, spelled = True, "::".join(segs)
            if test: found.append(TestFn("::".join(path + [name]), head[k].line, ign, spelled, in_macro))
        elif len(head) >= 2 and is_id(head[0]) and any(is_p(h, "!") for h in head[:8]):
            b = next(k for k, h in enumerate(head) if is_p(h, "!"))
            name = head[b - 1].s
            arg = head[b + 1].c if b + 1 < len(head) and isinstance(head[b + 1], Group) else (term.c if isinstance(term, Group) else None)
            if name in macros and arg is not None and depth < 20:
                for pat, body in macros[name]:
                    try: bind, _ = match(pat, arg)
                    except (NoMatch, IndexError): continue
                    scan_items(subst(body, bind), cfg, path, macros, aliases, found, True, depth + 1)
                    break

def scan_source(src, cfg):
    found = []
    scan_items(trees(lex(src)), cfg, [], {}, set(), found)
    return found

RAW_ATTR = re.compile(r"#\[(test|tokio::test)(?:\]|\()")
OTHER_ATTR = re.compile(r"#\[(maybe_tokio_test|wasm_bindgen_test|test::tokio::test|::tokio::test)(?:\]|\()")

def scan_tests(tests_dir):
    """every tests/*.rs -> expected test names with the stable cfg, with tokio_unstable, and raw counts"""
    res = {}
    for f in sorted(glob.glob(os.path.join(tests_dir, "*.rs"))):
        src = open(f).read()
        stable = scan_source(src, CFG_STABLE)
        unstable = scan_source(src, CFG_UNSTABLE)
        st = {t.name for t in stable}
        res[os.path.basename(f)[:-3]] = dict(
            raw=len(RAW_ATTR.findall(src)), raw_other=len(OTHER_ATTR.findall(src)),
            stable=[(t.name, t.line, t.ignored) for t in stable],
            unstable_only=[(t.name, t.line, t.ignored) for t in unstable if t.name not in st],
            lost_unstable=sorted(st - {t.name for t in unstable}),
            lines=src.count("\n"))
    return res

# --------------------------------------------------------------------------------------------
# 2. Scratch workspace
# --------------------------------------------------------------------------------------------

def registry_crate(name, version, scratch, sha256=None):
    """The published crate, unpacked into the scratch directory from cargo's own download (registry/cache/*.crate) after
    checking its SHA-256; cargo downloads it when it is not there.  The directory under registry/src is not used: it is
    writable, and has been seen changed by other tools."""
    home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    pat = os.path.join(home, "registry/cache/*", f"{name}-{version}.crate")
    dst = os.path.join(scratch, "published", f"{name}-{version}")
    hit = glob.glob(pat)
    if not hit:
        d = os.path.join(scratch, "fetch-" + name)
        os.makedirs(os.path.join(d, "src"), exist_ok=True)
        open(os.path.join(d, "src/lib.rs"), "w").close()
        with open(os.path.join(d, "Cargo.toml"), "w") as fh:
            fh.write(f'[package]\nname="fetch-stub"\nversion="0.0.0"\nedition="2021"\n[workspace]\n[dependencies]\n{name} = {{ version = "={version}", default-features = false }}\n')
        subprocess.run(["cargo", "fetch"], cwd=d, check=True)
        hit = glob.glob(pat)
    if not hit: sys.exit(f"{name} {version} not found in cargo's registry ({pat})")
    got = hashlib.sha256(open(hit[0], "rb").read()).hexdigest()
    want = sha256 or SHA256.get((name, version))
    if want and got != want: sys.exit(f"{hit[0]}: sha256 {got}, expected {want}")
    shutil.rmtree(dst, ignore_errors=True); os.makedirs(os.path.dirname(dst), exist_ok=True)
    with tarfile.open(hit[0]) as t: t.extractall(os.path.dirname(dst), filter="data")
    return dst

def crate_sha256(name, version):
    hit = glob.glob(os.path.join(os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")), "registry/cache/*", f"{name}-{version}.crate"))
    return hashlib.sha256(open(hit[0], "rb").read()).hexdigest() if hit else None

def toml_val(v):
    if isinstance(v, bool): return "true" if v else "false"
    if isinstance(v, (int, float)): return str(v)
    if isinstance(v, str): return json.dumps(v)
    if isinstance(v, list): return "[" + ", ".join(toml_val(x) for x in v) + "]"
    if isinstance(v, dict): return "{ " + ", ".join(f"{json.dumps(k)} = {toml_val(x)}" for k, x in v.items()) + " }"
    raise TypeError(type(v))

def facade_features(facade):
    man = tomllib.load(open(os.path.join(facade, "Cargo.toml"), "rb"))
    feats = set(man.get("features", {}))
    if not feats or True:  # optional dependencies are implicit features too
        try:
            md = json.loads(subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path",
                                            os.path.join(facade, "Cargo.toml")], capture_output=True, text=True, check=True).stdout)
            for p in md["packages"]:
                if p["name"] == "tokio" and os.path.realpath(os.path.dirname(p["manifest_path"])) == os.path.realpath(facade):
                    feats |= set(p["features"])
        except (subprocess.CalledProcessError, KeyError): pass
    if man["package"]["name"] != "tokio": sys.exit(f"{facade}: package name is {man['package']['name']!r}, not 'tokio'")
    return feats, man["package"]

def merge_dep(a, b):
    def norm(x): return dict(version=x) if isinstance(x, str) else dict(x)
    a, b = norm(a), norm(b)
    f = sorted(set(a.get("features", [])) | set(b.get("features", [])))
    out = {**a, **b}
    if f: out["features"] = f
    if a.get("default-features", True) or b.get("default-features", True): out.pop("default-features", None)
    out.pop("optional", None)
    return out

def make_workspace(out, facade, tokio_src, names, unstable, pin_lock):
    ws = os.path.join(out, "ws")            # src/lib.rs and Cargo.lock survive a re-run, so that nothing is rebuilt needlessly
    for d in (".config", "conf-plain/tests", "conf-tt/tests", "conf-plain/Cargo.toml", "conf-tt/Cargo.toml"):
        q = os.path.join(ws, d)
        os.remove(q) if os.path.isfile(q) else shutil.rmtree(q, ignore_errors=True)
    for d in ("conf-plain", "conf-tt"):     # a member without a manifest would stop cargo
        if d not in split_packages(tokio_src, names): shutil.rmtree(os.path.join(ws, d), ignore_errors=True)
    os.makedirs(os.path.join(ws, ".config"), exist_ok=True)
    man = tomllib.load(open(os.path.join(tokio_src, "Cargo.toml"), "rb"))
    have, _ = facade_features(facade)
    published = dict(man.get("features", {}))
    for f in UNSTABLE_FEATURES: published.setdefault(f, [])
    on = STABLE_FEATURES + (UNSTABLE_FEATURES if unstable else [])
    missing = [f for f in on if f not in have and f != "default"]
    feats = {f: ([f"tokio/{f}"] if f in have and f != "default" else []) for f in published}
    feats["parking_lot"] = ["tokio/parking_lot"] if "parking_lot" in have else []
    feats["default"] = [f for f in on if f != "default"]
    # Dependencies: published dev-dependencies, plus the published normal dependencies that tests may name
    deps, tdeps = {}, {}
    for k, v in man.get("dependencies", {}).items():
        if k != "tokio-macros": deps[k] = merge_dep(v, {})
    for k, v in man.get("dev-dependencies", {}).items(): deps[k] = merge_dep(deps[k], v) if k in deps else v
    if "mio" in deps: deps["mio"] = merge_dep(deps["mio"], {"version": deps["mio"]["version"], "features": ["os-poll", "os-ext", "net"]})
    for cond, tab in man.get("target", {}).items():
        if "windows" in cond or "freebsd" in cond or cond == "cfg(loom)" : continue
        tokio_unst = "tokio_unstable" in cond
        if tokio_unst and not unstable: continue
        d = {}
        for k, v in tab.get("dev-dependencies", {}).items(): d[k] = v
        if tokio_unst:
            for k, v in tab.get("dependencies", {}).items(): d[k] = merge_dep(d.get(k, v), v)
        if d: tdeps[cond] = d
    lints = man.get("lints", {}).get("rust", {}).get("unexpected_cfgs")
    # Two packages, so that a facade which does not yet carry tokio-stream/tokio-test can still run the files that use neither.
    for pkg, members in split_packages(tokio_src, names).items():
        d = os.path.join(ws, pkg)
        for sub in ("src", "tests"): os.makedirs(os.path.join(d, sub), exist_ok=True)
        with open(os.path.join(d, "Cargo.toml"), "w") as fh:
            w = fh.write
            # `homepage` because a test (rt_handle_block_on::basic_fs) reads ./Cargo.toml and looks for it
            w(f'[package]\nname = "{pkg}"\nversion = "0.0.0"\nedition = "{man["package"]["edition"]}"\npublish = false\nhomepage = {json.dumps(man["package"].get("homepage", ""))}\n\n')
            w('[lib]\npath = "src/lib.rs"\ntest = false\ndoctest = false\n\n[features]\n')
            for f, v in sorted(feats.items()): w(f"{json.dumps(f)} = {toml_val(v)}\n")
            w('\n[dependencies]\ntokio = { version = "1" }\n\n[dev-dependencies]\n')
            for k, v in sorted(deps.items()):
                if pkg == "conf-plain" and k in TOKIO_DEPENDENT: continue
                w(f"{k} = {toml_val(v)}\n")
            for cond, d2 in tdeps.items():
                w(f"\n[target.{json.dumps(cond) if chr(39) in cond else chr(39) + cond + chr(39)}.dev-dependencies]\n")
                for k, v in sorted(d2.items()): w(f"{k} = {toml_val(v)}\n")
            if lints: w(f"\n[lints.rust]\nunexpected_cfgs = {toml_val(lints)}\n")
        if not os.path.exists(os.path.join(d, "src/lib.rs")): open(os.path.join(d, "src/lib.rs"), "w").close()
        shutil.copytree(os.path.join(tokio_src, "tests/support"), os.path.join(d, "tests/support"), copy_function=shutil.copy2)
        for nme in members: shutil.copy2(os.path.join(tokio_src, "tests", nme + ".rs"), os.path.join(d, "tests", nme + ".rs"))
    with open(os.path.join(ws, "Cargo.toml"), "w") as fh:
        fh.write(f"[workspace]\nresolver = \"2\"\nmembers = [\"conf-*\"]\n\n[patch.crates-io]\ntokio = {{ path = {json.dumps(os.path.realpath(facade))} }}\n")
        fh.write('\n[profile.dev]\ndebug = %s\nincremental = false\n' % ("1" if unstable else "0"))
    if pin_lock: shutil.copy2(pin_lock, os.path.join(ws, "Cargo.lock"))
    return ws, missing

TOKIO_DEPENDENT = ("tokio-stream", "tokio-test")      # published dev-dependencies that themselves depend on tokio

def split_packages(tokio_src, names):
    """conf-plain: files that name neither tokio_stream nor tokio_test (directly or through support/); conf-tt: the rest"""
    out = {"conf-plain": [], "conf-tt": []}
    for n in names:
        text = open(os.path.join(tokio_src, "tests", n + ".rs")).read()
        for m in re.findall(r"support/(\w+)\.rs|pub mod (\w+);", text):
            f = os.path.join(tokio_src, "tests/support", (m[0] or m[1]) + ".rs")
            if os.path.exists(f): text += open(f).read()
        out["conf-tt" if re.search(r"\btokio_(?:stream|test)\b", text) else "conf-plain"].append(n)
    return {k: v for k, v in out.items() if v}

def sh(cmd, cwd, env, log, timeout=None, stdout=None):
    with open(log, "w") as fh:
        t = time.time()
        try: p = subprocess.run(cmd, cwd=cwd, env=env, stdout=stdout or fh, stderr=fh, timeout=timeout); rc = p.returncode
        except subprocess.TimeoutExpired: rc = 124
        return rc, time.time() - t

def du(path):
    try: return int(subprocess.run(["du", "-sm", path], capture_output=True, text=True).stdout.split()[0])
    except Exception: return -1

def check_single_tokio(ws, facade, env):
    p = subprocess.run(["cargo", "metadata", "--format-version", "1"], cwd=ws, env=env, capture_output=True, text=True)
    if p.returncode: print(p.stderr[-4000:], file=sys.stderr); sys.exit(2)
    md = json.loads(p.stdout)
    toks = [x for x in md["packages"] if x["name"] == "tokio"]
    bad = [x["id"] for x in toks if os.path.realpath(os.path.dirname(x["manifest_path"])) != os.path.realpath(facade)]
    if bad or len(toks) != 1:
        print(f"the patch did not take: tokio packages in the graph: {[x['id'] for x in toks]}\n"
              f"(is the facade's version high enough for every dependent?)", file=sys.stderr)
        sys.exit(2)
    return toks[0]["version"], {x["name"] + "-" + x["version"] for x in md["packages"]}

def cpu():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime

def build(ws, env, log, extra):
    """cargo build --tests --keep-going; -> ({target: executable}, {target: [errors]}, dep_failures, seconds)"""
    cmd = ["cargo", "build", "--workspace", "--tests", "--keep-going", "--message-format=json"] + extra
    exes, errs, deps = {}, {}, {}
    t = time.time()
    with open(log, "w") as fh:
        p = subprocess.Popen(cmd, cwd=ws, env=env, stdout=subprocess.PIPE, stderr=fh, text=True)
        for line in p.stdout:
            try: m = json.loads(line)
            except ValueError: continue
            tgt = m.get("target") or {}
            if m.get("reason") == "compiler-artifact" and "test" in tgt.get("kind", []) and m.get("executable"):
                exes[tgt["name"]] = m["executable"]
            elif m.get("reason") == "compiler-message" and m["message"]["level"].startswith("error"):
                where = errs if "test" in tgt.get("kind", []) else deps
                key = tgt["name"] if where is errs else m["package_id"]
                code = (m["message"].get("code") or {}).get("code")
                txt = (f"[{code}] " if code else "") + m["message"]["message"]
                if not txt.startswith(("aborting due to", "For more info")): where.setdefault(key, []).append(txt)
        p.wait()
    return exes, errs, deps, time.time() - t, p.returncode

NEXTEST_TOML = """[store]
dir = "{store}"
[profile.conf]
fail-fast = false
test-threads = {threads}
slow-timeout = {{ period = "{period}s", terminate-after = {n}, grace-period = "2s" }}
leak-timeout = "500ms"
retries = {retries}
status-level = "none"
final-status-level = "none"
failure-output = "never"
global-timeout = "{total}s"
[profile.conf.junit]
path = "junit.xml"
store-success-output = false
store-failure-output = true
"""

def write_nextest(ws, store, timeout, threads, retries, total):
    n = 2
    with open(os.path.join(ws, ".config/nextest.toml"), "w") as fh:
        fh.write(NEXTEST_TOML.format(store=store, period=max(1, timeout // n), n=n, threads=threads, retries=retries, total=total))

def parse_junit(path):
    """-> {(binary, test): (status, seconds, message, retries)}"""
    res = {}
    for suite in ET.parse(path).getroot().iter("testsuite"):
        for tc in suite.iter("testcase"):
            name, st, msg = tc.get("name"), "pass", ""
            kids = {c.tag: c for c in tc}
            f = kids.get("failure") if "failure" in kids else kids.get("error")
            if f is not None:
                ty = (f.get("type") or "") + " " + (f.get("message") or "")
                st = "timeout" if (f.get("type") or "").startswith("test timeout") else "fail"
                out = (kids["system-err"].text or "") if "system-err" in kids else ""
                msg = (ty.strip() + " | " + first_panic(out))[:600]
            elif "skipped" in kids: st = "ignored"
            flaky = sum(1 for c in tc if c.tag in ("flakyFailure", "rerunFailure"))
            res[(suite.get("name"), name)] = (st, float(tc.get("time") or 0), msg, flaky)
    return res

def first_panic(out):
    m = re.search(r"panicked at [^\n]*\n?[^\n]*(?:\n\s+(?:left|right):[^\n]*)*", out or "")
    return re.sub(r"\s+", " ", m.group(0)) if m else re.sub(r"\s+", " ", (out or "").strip()[-300:])

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--facade", help="root of a crate named `tokio`, or the word `real`")
    ap.add_argument("--out", help="scratch and result directory")
    ap.add_argument("--filter", default="*", help="glob over test file names, comma separated (e.g. 'sync_*,time_*')")
    ap.add_argument("--tokio-version", default=TOKIO_VERSION)
    ap.add_argument("--timeout", type=int, default=60, help="seconds per test (default 60)")
    ap.add_argument("--total-timeout", type=int, default=2400, help="seconds for the whole run (default 2400)")
    ap.add_argument("--test-threads", default='"num-cpus"')
    ap.add_argument("--retries", type=int, default=0)
    ap.add_argument("--unstable", action="store_true", help="build with --cfg tokio_unstable (+taskdump) and the unstable features; measured apart")
    ap.add_argument("--unprivileged", action="store_true", help="when root: run the test binaries as uid 65534 without capabilities (some tests need a plain user)")
    ap.add_argument("--lock", help="Cargo.lock to start from (repeatable resolution)")
    ap.add_argument("--baseline", help="results.json of a run with the real tokio: lists tests that only the facade fails")
    ap.add_argument("--exceptions", help="exceptions.toml: tests that may fail, with the reason; any other failure makes the exit status 1")
    ap.add_argument("--load", type=int, default=0, help="keep that many processor-bound processes running beside the tests, to look for races")
    ap.add_argument("--repeat", type=int, default=1, help="run the tests that many times; a test passes if it passes each time")
    ap.add_argument("--scan-only", action="store_true", help="only count the tests; builds nothing")
    ap.add_argument("--cargo-arg", action="append", default=[], help="extra argument for cargo build/nextest (e.g. --offline)")
    a = ap.parse_args()
    out = os.path.abspath(a.out or "/tmp/tokio-conformance"); os.makedirs(out, exist_ok=True)
    tokio_src = registry_crate("tokio", a.tokio_version, out)
    scan = scan_tests(os.path.join(tokio_src, "tests"))
    globs = a.filter.split(",")
    names = [n for n in scan if any(fnmatch.fnmatch(n, g) or fnmatch.fnmatch(n + ".rs", g) for g in globs)]
    raw = sum(s["raw"] for s in scan.values()); raw_o = sum(s["raw_other"] for s in scan.values())
    key = "stable"
    def expected(n): return scan[n]["stable"] + (scan[n]["unstable_only"] if a.unstable else [])
    if a.scan_only:
        json.dump(scan, open(os.path.join(out, "scan.json"), "w"), indent=1)
        print(f"files {len(scan)}; test attributes in the source: {raw} #[test]/#[tokio::test] + {raw_o} other spellings")
        print(f"test functions on this platform after cfg and macro expansion: {sum(len(s['stable']) for s in scan.values())}"
              f" (+{sum(len(s['unstable_only']) for s in scan.values())} only with tokio_unstable)")
        return
    if not a.facade or not a.out: ap.error("--facade and --out are required")
    facade = tokio_src if a.facade == "real" else os.path.abspath(a.facade)
    env = dict(os.environ, CARGO_TARGET_DIR=os.path.join(out, "target"), CARGO_TERM_COLOR="never", NEXTEST_NO_INPUT_HANDLER="1")
    if a.unprivileged:
        if os.geteuid() == 0 and shutil.which("setpriv"):
            env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"] = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
        else: print("--unprivileged: not root or no setpriv; ignored", file=sys.stderr)
    if a.unstable: env["RUSTFLAGS"] = (env.get("RUSTFLAGS", "") + " --cfg tokio_unstable --cfg tokio_taskdump").strip()
    ws, missing_features = make_workspace(out, facade, tokio_src, names, a.unstable, a.lock)
    version, pkgs = check_single_tokio(ws, facade, env)
    shutil.copy2(os.path.join(ws, "Cargo.lock"), os.path.join(out, "Cargo.lock.used"))
    print(f"facade {facade} (version {version}); {len(names)} test files; building ...", flush=True)
    c0 = cpu()
    exes, errs, deps, build_s, build_rc = build(ws, env, os.path.join(out, "build.log"), a.cargo_arg)
    build_cpu = cpu() - c0
    if deps: print("a dependency of the tests (or the facade itself) does not compile:\n" + json.dumps({k: v[:5] for k, v in deps.items()}, indent=1))
    write_nextest(ws, os.path.join(out, "nextest"), a.timeout, a.test_threads, a.retries, a.total_timeout)
    ok = [n for n in names if n in exes]
    listed, ignored, results, run_s = {}, {}, {}, 0.0
    if ok:
        sel = ["--workspace"] + [x for n in ok for x in ("--test", n)]
        lst = os.path.join(out, "list.json")
        with open(lst, "w") as fh:
            rc, _ = sh(["cargo", "nextest", "list", "--message-format", "json", "--run-ignored", "all"] + sel + a.cargo_arg, ws, env, os.path.join(out, "list.log"), stdout=fh)
        if rc: print(f"nextest list failed, see {out}/list.log", file=sys.stderr)
        else:
            for b in json.load(open(lst))["rust-suites"].values():
                listed[b["binary-name"]] = sorted(b["testcases"])
                ignored[b["binary-name"]] = {t for t, v in b["testcases"].items() if v["ignored"]}
        junit = os.path.join(out, "nextest/conf/junit.xml")
        burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(a.load)]
        try:
            for turn in range(a.repeat):
                if os.path.exists(junit): os.remove(junit)
                rc, seconds = sh(["cargo", "nextest", "run", "--profile", "conf", "--no-fail-fast", "--no-tests", "pass"] + sel + a.cargo_arg, ws, env,
                                 os.path.join(out, f"run-{turn + 1}.log"), timeout=a.total_timeout + 300)
                run_s += seconds
                if not os.path.exists(junit): continue
                shutil.copy2(junit, os.path.join(out, f"junit-{turn + 1}.xml"))
                for (suite, test), v in parse_junit(junit).items():
                    key2 = (suite.split("::")[-1], test)
                    if key2 not in results or results[key2][0] == "pass": results[key2] = v
        finally:
            for b in burners: b.kill()
            for b in burners: b.wait()
    files, rows = {}, []
    for n in names:
        exp = expected(n)
        expn = [e[0] for e in exp]
        tests = {}
        if n in exes:
            for t in listed.get(n, expn):
                if t in ignored.get(n, ()): tests[t] = dict(status="ignored")
                else:
                    st, sec, msg, fl = results.get((n, t), ("not_run", 0, "", 0))
                    tests[t] = dict(status=st, seconds=round(sec, 3)); 
                    if msg: tests[t]["message"] = msg
                    if fl: tests[t]["flaky_retries"] = fl
            for t in expn: tests.setdefault(t, dict(status="missing"))
        else:
            for t, _, ign in exp: tests[t] = dict(status="ignored" if ign else "not_compiled")
        cnt = {}
        for v in tests.values(): cnt[v["status"]] = cnt.get(v["status"], 0) + 1
        files[n] = dict(compiled=n in exes, expected=len(exp), counts=cnt, tests=tests, raw_attributes=scan[n]["raw"] + scan[n]["raw_other"],
                        unstable_only=len(scan[n]["unstable_only"]),
                        scanner_disagrees=sorted(set(listed.get(n, expn)) ^ set(expn)) if n in exes else [])
        if n in errs: files[n]["errors"] = errs[n][:20]; files[n]["error_count"] = len(errs[n])
    tot = {}
    for f in files.values():
        for k, v in f["counts"].items(): tot[k] = tot.get(k, 0) + v
    denom = sum(tot.values()) - tot.get("ignored", 0)
    summary = dict(facade=facade, facade_version=version, tokio_tests=a.tokio_version, unstable=a.unstable, files=len(names), files_compiled=len(ok),
                   files_with_tests=sum(1 for n in names if expected(n)), raw_attributes=raw, raw_other_spellings=raw_o,
                   expected=sum(f["expected"] for f in files.values()), denominator=denom, counts=tot, missing_features=missing_features,
                   pass_rate=round(100.0 * tot.get("pass", 0) / denom, 2) if denom else None,
                   compile_only={n: n in exes for n in names if n in ("async_send_sync", "_require_full")},
                   unstable_only_excluded=0 if a.unstable else sum(len(scan[n]["unstable_only"]) for n in names),
                   build_seconds=round(build_s, 1), build_cpu_seconds=round(build_cpu, 1), run_seconds=round(run_s, 1), target_mb=du(env["CARGO_TARGET_DIR"]),
                   dependency_errors={k: v[:10] for k, v in deps.items()},
                   scanner_disagreements={n: f["scanner_disagrees"] for n, f in files.items() if f["scanner_disagrees"]})
    if a.baseline:
        base = json.load(open(a.baseline))["files"]
        reg = [f"{n}::{t}" for n, f in files.items() for t, v in f["tests"].items()
               if v["status"] not in ("pass", "ignored") and base.get(n, {}).get("tests", {}).get(t, {}).get("status") == "pass"]
        bp = sum(1 for n in names for v in base.get(n, {}).get("tests", {}).values() if v["status"] == "pass")
        summary["baseline_pass"], summary["fails_only_with_facade"] = bp, len(reg)
        summary["pass_rate_vs_baseline"] = round(100.0 * (bp - len(reg)) / bp, 2) if bp else None
        summary["fails_only_with_facade_list"] = reg
    unexpected, excused = [], []
    if a.exceptions:
        allowed = {e["test"] for e in tomllib.load(open(a.exceptions, "rb")).get("tokio", [])}
        bad = [f"{n}::{t}" for n, f in files.items() for t, v in f["tests"].items() if v["status"] not in ("pass", "ignored")]
        unexpected += [b for b in bad if b not in allowed]
        excused += [b for b in bad if b in allowed]
        unexpected += [f"{n} does not compile" for n in names if n not in exes]
        passes = [x for x in sorted(allowed) if files.get(x.split("::")[0], {}).get("tests", {}).get(x.split("::", 1)[1], {}).get("status") == "pass"]
        summary.update(unexpected=unexpected, excused=excused, exceptions_that_pass=passes)
    json.dump(dict(summary=summary, files=files), open(os.path.join(out, "results.json"), "w"), indent=1)
    cols = ["pass", "fail", "timeout", "not_compiled", "missing", "not_run", "ignored"]
    lines = [f"{'file':44} {'built':5} {'tests':>5} " + " ".join(f"{c:>12}" for c in cols)]
    for n in names:
        f = files[n]
        if not f["expected"] and not f["tests"] and f["compiled"]: continue     # nothing to run with this cfg
        lines.append(f"{n:44} {'yes' if f['compiled'] else 'NO':5} {f['expected']:5} " + " ".join(f"{f['counts'].get(c, 0) or '.':>12}" for c in cols))
    lines.append("-" * 140)
    lines.append(f"{'TOTAL':44} {len(ok):>2}/{len(names)} {summary['expected']:5} " + " ".join(f"{tot.get(c, 0):>12}" for c in cols))
    lines.append(f"pass rate {tot.get('pass', 0)}/{denom} = {summary['pass_rate']} %   (ignored by their authors: {tot.get('ignored', 0)}; "
                 f"need tokio_unstable, not counted: {summary['unstable_only_excluded']}; source has {raw}+{raw_o} test attributes)")
    lines.append(f"build {build_s:.0f} s (cpu {build_cpu:.0f} s), run {run_s:.0f} s, target dir {summary['target_mb']} MiB; results: {out}/results.json")
    if summary["compile_only"]: lines.append("compile-time suites (no test functions): " + ", ".join(f"{n}: {'ok' if v else 'FAILS, ' + str(files[n].get('error_count', '?')) + ' errors'}" for n, v in summary["compile_only"].items()))
    if missing_features: lines.append(f"features the facade does not declare: {missing_features}")
    if a.baseline: lines.append(f"against baseline: {summary['fails_only_with_facade']} of {summary['baseline_pass']} baseline passes fail here ({summary['pass_rate_vs_baseline']} % conform)")
    if summary["scanner_disagreements"]: lines.append(f"scanner and binaries disagree on: {summary['scanner_disagreements']}")
    if a.exceptions:
        lines.append(f"failures that exceptions.toml explains: {len(excused)}; others: {len(unexpected)}")
        lines += [f"  unexpected: {u}" for u in unexpected]
        lines += [f"  passes, although it is listed as an exception: {p}" for p in summary["exceptions_that_pass"]]
    txt = "\n".join(lines)
    open(os.path.join(out, "table.txt"), "w").write(txt + "\n")
    print(txt)
    if unexpected: sys.exit(1)

if __name__ == "__main__":
    main()
