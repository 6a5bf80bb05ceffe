#!/usr/bin/env python3
"""Verifies audit trails, after docs/audit-format.md and nothing else. Needs the packages `cryptography` and `blake3`.

usage: verify.py VERIFYING-KEY CHAIN-KEY|- ANCHOR|- LIVE-FILE...     prints for each file: `ok ENTRIES RECORDS`, or `KIND FILE OFFSET ENTRY`
"""
import base64, hashlib, os, re, struct, sys
from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sha = lambda data: hashlib.sha256(data).digest()
link = lambda key, previous, leaf: blake3(previous + leaf, key=key).digest()
next_key = lambda key: blake3(key, derive_key_context="fapilog audit-trail v1 next chain key").digest()
key_id = lambda key: blake3(key, derive_key_context="fapilog audit-trail v1 chain key id").digest(8)
TIME = r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)\.(\d{4,})"

class Damage(Exception):
    pass

def b64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text: raise ValueError("not canonical")
    return data

def root(subtrees):                                   # (size, hash) of complete subtrees, the largest first
    if not subtrees: return sha(b"")
    last = subtrees[-1][1]
    for _, left in reversed(subtrees[:-1]): last = sha(b"\1" + left + last)
    return last

def push(subtrees, leaf):
    new = (1, leaf)
    while subtrees and subtrees[-1][0] == new[0]: new = (2 * new[0], sha(b"\1" + subtrees.pop()[1] + new[1]))
    subtrees.append(new)

def note(text, key):                                  # a checkpoint as (size, root, id, segment, epoch, chain); None if invalid
    try:
        text = text.decode() if isinstance(text, bytes) else text
        at = text.rindex("\n\n")
        body, lines, signed = text[:at + 1], text[at + 2:], False
        if any(c < " " and c != "\n" for c in text) or not lines.endswith("\n"): return None
        for line in lines[:-1].split("\n"):
            dash, name, signature = line.split(" ", 2)
            signature = b64(signature)
            if dash != "\u2014" or not name or len(signature) < 5: return None
            if (name, signature[:4]) != (key["name"], key["hash"]): continue
            Ed25519PublicKey.from_public_bytes(key["key"]).verify(signature[4:], body.encode())
            signed = True
        origin, size, tree, extension = body[:-1].split("\n")
        word, trail, segment, epoch, nanos, chain = extension.split(" ")
        numbers = [int(n) for n in (size, segment, epoch, nanos) if re.fullmatch(r"0|[1-9]\d*", n)]
        if not signed or word != "fapilog-trail/v1" or not re.fullmatch("[0-9a-f]{32}", trail) or len(numbers) != 4 or not origin: return None
        return numbers[0], b64(tree), bytes.fromhex(trail), numbers[1], numbers[2], b64(chain), origin == key["name"]
    except (ValueError, IndexError, InvalidSignature):
        return None

def notes(text):                                      # a file of notes; each ends with its lines that begin with an em dash
    found, signed = [""], False
    for line in re.findall("[^\n]*\n|[^\n]+", text):
        if signed and line[0] != "\u2014": found.append("")
        signed = line[0] == "\u2014"
        if found[-1] or line != "\n": found[-1] += line
    return [note for note in found if note]

class Fields:
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, count):
        if self.at + count > len(self.data): raise ValueError("short")
        self.at += count
        return self.data[self.at - count:self.at]
    def number(self, count): return int.from_bytes(self.take(count), "little")
    def text(self): return self.take(self.number(2)).decode()

def body(tag, data):
    f, b = Fields(data), {}
    if tag == b"OPEN":
        version = f.number(2)
        if version not in (1, 2) or f.number(2) > 1: raise ValueError("version")
        f.take(4)
        b = dict(version=version, id=f.take(16), segment=f.number(8), size=f.number(8), root=f.take(32), chain=f.take(32), key_id=f.take(8))
        b.update(vkey=f.text(), data=f.text(), previous=f.text(), hashes=[f.take(32) for _ in range(f.number(1))])
        if len(b["hashes"]) != bin(b["size"]).count("1"): raise ValueError("subtrees")
    elif tag == b"BLCK":
        b = dict(offset=f.number(8), length=f.number(4), records=f.number(4), digest=f.take(32))
        b["data"], b["end"] = b["offset"], b["offset"] + b["length"]
        if not 1 <= b["length"] <= 65536 or b["end"] >= 1 << 64: raise ValueError("block")
    elif tag == b"STRT": b = dict(data=f.number(8)); f.take(48); f.text()
    elif tag == b"GAPS": f.take(16)
    elif tag == b"RETN": b = dict(kept=f.number(8), size=f.number(8), root=f.take(32), age=f.number(8))
    elif tag == b"CLOS":
        b = dict(reason=f.number(8), data=f.number(8)); f.take(8); f.text()
        if b["reason"] not in (1, 2): raise ValueError("reason")
    elif tag == b"CKPT": b = dict(note=f.take(len(data)).decode())
    if f.at != len(data): raise ValueError("long")
    return b

def read(data, at):                                   # an entry; ValueError if malformed, EOFError if incomplete
    data = data[at:at + (256 << 10)]
    tag = data[:4]
    if len(tag) < 4: raise EOFError
    if tag not in (b"OPEN", b"BLCK", b"STRT", b"GAPS", b"RETN", b"CLOS", b"CKPT"): raise ValueError("tag")
    if len(data) < 8: raise EOFError
    length = int.from_bytes(data[4:8], "little")
    if length > (256 << 10) - 64 or {b"BLCK": 48, b"GAPS": 16, b"RETN": 56}.get(tag, length) != length: raise ValueError("length")
    if len(data) < 64 + length: raise EOFError
    seq, nanos, epoch = struct.unpack("<QQQ", data[8:32])
    return dict(at=at, tag=tag, seq=seq, nanos=nanos, epoch=epoch, leaf=data[:32 + length], chain=data[32 + length:64 + length],
                end=at + 64 + length, **{"b_" + k: v for k, v in body(tag, data[32:32 + length]).items()})

def readable(data, at):
    try: return read(data, at)
    except (ValueError, EOFError): return None

def behind(data, entry):
    found, at = [], entry["end"]
    while (e := readable(data, at)): found.append(e); at = e["end"]
    return found

def classify(e, n, later):                            # a leaf with another number
    leaves = [x["seq"] for x in later if x["tag"] != b"CKPT"] + [None, None]
    if leaves[0] == n and (leaves[1] == n + 1 or e["seq"] != n + 1): return "inserted"
    if n in leaves: return "reordered"
    if later and later[0]["seq"] == n + 1: return "altered"
    return "removed" if e["seq"] > n else "inserted"

def classify_epoch(e, epoch, later):
    if e["tag"] != b"CKPT" and later and later[0]["seq"] == e["seq"]: return "inserted"
    if e["epoch"] > epoch and later and later[0]["epoch"] >= e["epoch"]: return "removed"
    return "inserted" if e["epoch"] < epoch and e["tag"] == b"CKPT" else "altered"

class Trail:
    def __init__(self, key, chain_key):
        self.vkey, self.first, self.key = key, chain_key, chain_key
        self.place, self.chain, self.epoch, self.size, self.subtrees = None, bytes(32), 0, 0, []
        self.roots, self.records = {}, 0
        self.opens, self.removals, self.signed = {}, [], 0      # (size, root, time) before each segment; (size, first that stays)

    def state(self, c): return c[:6] == (self.size, root(self.subtrees), *self.place, self.epoch, self.chain) and c[6]

    def walk(self, path):
        data, at, segment = open(path, "rb").read(), 0, None
        def fail(kind, at=None): raise Damage(kind, path, e["at"] if at is None else at, self.size)
        while at < len(data):
            try: e = read(data, at)
            except ValueError: fail("altered", at)
            except EOFError:
                rest, whole = data[at:], None
                if len(rest) >= 64: whole = readable(rest[:4] + struct.pack("<I", len(rest) - 64) + rest[8:], 0)
                if whole and (note(whole["b_note"], self.vkey) if whole["tag"] == b"CKPT" else whole["seq"] == self.size): fail("altered", at)
                fail("altered" if any(readable(rest, i) for i in range(4, len(rest))) else "truncated", at)
            at, later = e["end"], None
            if segment is None:
                if e["tag"] != b"OPEN": fail("removed")
                self.open(data, e, fail)
                segment = dict(blocks=[], end=0, closed=0, first=self.size, trail=path, number=e["b_segment"], version=e["b_version"])
            else: self.follow(data, e, segment, fail)
            valid = note(e["b_note"], self.vkey) if e["tag"] == b"CKPT" else None
            if e["tag"] == b"CKPT" and not valid: fail("checkpoint_invalid")
            if valid and not self.state(valid): fail("checkpoint_inconsistent")
            if self.key and link(self.key, self.chain, e["leaf"]) != e["chain"]: fail("altered")
            self.chain = e["chain"]
            if valid:
                self.epoch, self.key, self.signed = self.epoch + 1, self.key and next_key(self.key), self.size
                continue
            if e["tag"] == b"RETN": self.removals.append((self.size, e["b_kept"]))
            if e["tag"] == b"BLCK":
                segment["blocks"].append((self.size, e["b_offset"], e["b_length"], e["b_digest"]))
                segment["end"], self.records = e["b_end"], self.records + e["b_records"]
            segment["closed"] = e.get("b_reason", 0)
            push(self.subtrees, sha(b"\0" + e["leaf"])); self.size += 1
            self.roots[self.size] = root(self.subtrees)
        if segment is None: raise Damage("truncated", path, 0, self.size)
        return dict(segment, length=at)

    def believes(self, epoch, later):                  # whether so many keys are derived for a number that an entry claims
        if epoch <= 1_000_000: return True
        notes = (note(x["b_note"], self.vkey) for x in later if x["tag"] == b"CKPT")
        return any(valid and valid[4] >= epoch for valid in notes)

    def open(self, data, e, fail):
        later = behind(data, e)
        if e["b_vkey"] != self.vkey["text"]:
            fail("altered" if any(x["tag"] == b"CKPT" and note(x["b_note"], self.vkey) for x in later) else "wrong_key")
        if self.first and e["b_key_id"] != key_id(self.first):
            second, key = later and later[0], self.first
            steps = min(second["epoch"], second["seq"], 50_000_000) if second else 0
            is_believed = self.believes(steps, later)
            for _ in range(steps if is_believed else 0): key = next_key(key)
            fail("altered" if second and is_believed and link(key, e["chain"], second["leaf"]) == second["chain"] else "wrong_key")
        sizes = [1 << bit for bit in range(63, -1, -1) if e["b_size"] >> bit & 1]
        tree = list(zip(sizes, e["b_hashes"]))
        if self.place is None:
            start = e["seq"] == 0 and e["epoch"] == 0 and e["b_chain"] == bytes(32)
            if e["b_size"] != e["seq"] or e["epoch"] > min(e["seq"], 50_000_000) or (e["b_segment"] == 0 and not start): fail("altered")
            self.subtrees, self.size, self.chain, self.epoch = tree, e["seq"], e["b_chain"], e["epoch"]
            self.roots[self.size] = root(tree)
            if self.key and not self.believes(self.epoch, later): self.first = self.key = None
            for _ in range(self.epoch if self.key else 0): self.key = next_key(self.key)
        else:
            trail, following = self.place[0], self.place[1] + 1
            same = (tree, e["b_chain"]) == (self.subtrees, self.chain)
            if not same:
                if e["b_id"] != trail or e["b_segment"] < following: fail("replaced")
                if e["b_segment"] > following: fail("removed")
                if tree == self.subtrees and e["b_chain"] != self.chain and e["epoch"] > self.epoch: fail("removed")
            if not same or (e["b_id"], e["b_segment"], e["seq"], e["epoch"]) != (trail, following, self.size, self.epoch): fail("altered")
        if e["b_root"] != root(self.subtrees): fail("altered")
        self.place = (e["b_id"], e["b_segment"])
        self.opens[e["b_segment"]] = (e["b_size"], e["b_root"], e["nanos"])

    def follow(self, data, e, segment, fail):
        n = self.size
        if (e["seq"], e["epoch"]) != (n, self.epoch):
            later = behind(data, e)
            if e["tag"] != b"CKPT": fail(classify(e, n, later) if e["seq"] != n else classify_epoch(e, self.epoch, later))
            valid = note(e["b_note"], self.vkey)
            if not valid: fail("checkpoint_invalid")
            if self.state(valid): fail("altered")
            if e["seq"] == n: fail(classify_epoch(e, self.epoch, later))
            leaf = next((x["seq"] for x in later if x["tag"] != b"CKPT"), e["seq"])
            fail("removed" if e["seq"] > n and leaf == e["seq"] else "checkpoint_inconsistent")
        if e["tag"] == b"OPEN" or (e["tag"] != b"CKPT" and segment["closed"] == 1): fail("inserted")
        if e.get("b_data", segment["end"]) != segment["end"]: fail("altered")
        if e["tag"] == b"RETN":
            kept = self.opens.get(e["b_kept"])
            if segment["version"] < 2 or not 1 <= e["b_kept"] <= segment["number"]: fail("altered")
            if kept and kept[:2] != (e["b_size"], e["b_root"]): fail("altered")
            if kept and e["nanos"] - kept[2] < e["b_age"]: fail("removed")

    def first_kept(self): return max([kept for at, kept in self.removals if at < self.signed], default=0)

def check_data(path, segment):
    blocks, end = segment["blocks"], segment["end"]
    first = blocks[0][0] if blocks else segment["first"]
    if not os.path.exists(path): raise Damage("removed", path, 0, first)
    data = open(path, "rb").read()
    found = len(data)
    there = lambda b, at: 0 <= at and at + b[2] <= found and blake3(data[at:at + b[2]]).digest() == b[3]
    for i, b in enumerate(blocks):
        if there(b, b[1]): continue
        shift, after = found - end, blocks[i + 1:]
        moved = any(there(x, b[1]) for x in after)
        foreign = i == 0 and not any(there(x, x[1]) for x in blocks)
        next_moved = bool(after) and there(after[0], after[0][1] + shift)
        if shift < 0:
            kind = "removed" if moved or next_moved else "truncated" if found < b[1] + b[2] else "replaced" if foreign else "altered"
        elif shift > 0:
            inserted = there(b, b[1] + shift) or (next_moved if after else not foreign)
            kind = "inserted" if inserted else "replaced" if foreign else "altered"
        else: kind = "reordered" if moved else "replaced" if foreign and len(blocks) > 1 else "altered"
        raise Damage(kind, path, found if kind == "truncated" else b[1], b[0])
    if found > end: raise Damage("inserted" if segment["closed"] else "unrecorded", path, end, blocks[-1][0] if blocks else segment["first"])

def files(live):
    stem, extension = os.path.splitext(os.path.basename(live))
    pattern = re.compile(re.escape(stem) + TIME + re.escape(extension) + r"\.trail")
    names = [(m[1], int(m[2]), m[0]) for m in map(pattern.fullmatch, os.listdir(os.path.dirname(live) or ".")) if m and f"{int(m[2]):04}" == m[2]]
    paths = [os.path.join(os.path.dirname(live), name) for *_, name in sorted(names)]
    return paths + [live + ".trail"] * os.path.lexists(live + ".trail")

def verify(live, key, chain_key, anchor):
    trail, segments = Trail(key, chain_key), []
    paths = files(live)
    for path in paths:
        segments.append(trail.walk(path))
        if path != paths[-1] and segments[-1]["closed"] != 1: raise Damage("truncated", path, segments[-1]["length"], trail.size)
    last, first, kept = segments[-1], segments[0], trail.first_kept()
    if first["version"] >= 2 and first["number"] > kept: raise Damage("removed", first["trail"], 0, min(trail.roots, default=0))
    for text in notes(anchor):
        c = note(text, key)
        if not c or not c[6]: raise Damage("checkpoint_invalid", "anchor", 0, 0)
        if c[2] != trail.place[0]: raise Damage("replaced", last["trail"], 0, trail.size)
        if c[0] > trail.size or c[4] >= trail.epoch: raise Damage("truncated", last["trail"], last["length"], trail.size)
        if c[0] >= min(trail.roots) and trail.roots[c[0]] != c[1]: raise Damage("checkpoint_inconsistent", last["trail"], 0, c[0])
    for segment in segments:
        if segment["number"] >= kept or os.path.lexists(segment["trail"][:-6]): check_data(segment["trail"][:-6], segment)
    return trail.size, trail.records

def main(vkey, chain_key, anchor, *live):
    text = open(vkey).read().strip()
    name, number, key = text.split("+", 2)
    key = dict(text=text, name=name, hash=bytes.fromhex(number), key=b64(key)[1:])
    assert sha(f"{name}\n".encode() + b"\1" + key["key"])[:4] == key["hash"]
    first = None if chain_key == "-" else b64(open(chain_key).read().split()[3])
    anchored = "" if anchor == "-" else open(anchor, encoding="utf-8", newline="").read()
    for path in live:
        try: print("ok", *verify(path, key, first, anchored))
        except Damage as damage: print(*damage.args)

main(*sys.argv[1:])
