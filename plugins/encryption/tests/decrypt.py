#!/usr/bin/env python3
"""Decrypts a log of fapilog-encryption by docs/encryption-format.md alone: decrypt.py LOG KEY... (each KEY: a file with an
identity or a key-encryption key, or the directory of a key store). Prints the records, and an error for each frame that it cannot
read. Needs Debian's python3-cryptography, and python3-zstandard or the program zstd for compressed frames."""
import os, struct, subprocess, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC, KEY_MAGIC = b"\xf5fapienc", b"\xf5fapikey"
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


def hkdf(secret, salt, info, length=32):
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def bech32m(text):
    """Prefix and bytes of a Bech32m text (BIP-350)."""
    prefix, _, data = text.strip().lower().rpartition("1")
    digits = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c) for c in data]
    check = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + digits:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    if check != 0x2BC830A3:
        raise ValueError("the text of a key has a wrong character")
    bits = "".join(f"{digit:05b}" for digit in digits[:-6])
    return prefix, bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


class Keys:
    def __init__(self, paths):
        self.identities, self.keys, self.stores = {}, {}, []
        for path in paths:
            if os.path.isdir(path):
                self.stores.append(path)
                continue
            prefix, secret = bech32m(open(path).read())
            if prefix == "fapilog-identity-":
                private = X25519PrivateKey.from_private_bytes(secret)
                public = private.public_key().public_bytes(*RAW)
                digest = hashes.Hash(hashes.SHA256())
                digest.update(public)
                self.identities[digest.finalize()[:8]] = private, public
            elif prefix == "fapilog-key-":
                self.keys[hkdf(secret, None, b"fapilog key id v1", 8)] = hkdf(secret, None, b"fapilog key wrap v1")

    def unwrap(self, wraps, label):
        """The key in a list of wraps: that of the first one that these keys open."""
        (count,), at, reason = struct.unpack_from(">H", wraps), 2, "no key at hand"
        if count > 64:
            raise ValueError("more wraps than there can be")
        for _ in range(count):
            kind, length = struct.unpack_from(">BH", wraps, at)
            body, at = wraps[at + 3 : at + 3 + length], at + 3 + length
            if kind == 1 and body[:8] in self.identities:
                private, public = self.identities[body[:8]]
                shared = private.exchange(X25519PublicKey.from_public_bytes(body[8:40]))
                key = hkdf(shared, body[8:40] + public, b"fapilog x25519 wrap v1")
                return AESGCM(key).decrypt(bytes(12), body[40:], label)
            if kind == 2 and body[:8] in self.keys:
                return AESGCM(self.keys[body[:8]]).decrypt(body[8:20], body[20:], label)
            if kind == 3:
                for store in self.stores:
                    name = f"{day(struct.unpack('>I', body[:4])[0])}-{body[4:20].hex()}"
                    if os.path.exists(f"{store}/day-{name}.shredded"):
                        reason = "shredded"
                    elif os.path.exists(f"{store}/day-{name}.key"):
                        key = self.stored(f"{store}/day-{name}.key")
                        return AESGCM(key).decrypt(body[20:32], body[32:], label)
        raise KeyError(reason)

    def stored(self, path):
        file = open(path, "rb").read()
        if file and not any(file):
            raise KeyError("shredded")
        if file[:10] != KEY_MAGIC + b"\x01\x01":
            raise ValueError("no key file of a day")
        return self.unwrap(file[26:], b"fapilog day key v1" + file[10:26])


def day(number):
    import datetime

    return (datetime.date(1970, 1, 1) + datetime.timedelta(number)).isoformat()


def decompressed(data, length):
    try:
        import zstandard
    except ImportError:
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=length)


def frame_at(log, at, keys):
    """The end of a frame, and its records."""
    version, flags, header, sealed, length, _, data_key, block = struct.unpack_from(">BBHIII16sQ", log, at + 8)
    end = at + header + sealed + 1
    if version != 1 or flags > 1:
        raise ValueError(f"version {version}, flags {flags}")
    if end > len(log) or log[end - 1] != 10:
        raise ValueError("damaged or torn")
    front = log[at : at + header]
    key = keys.unwrap(front[48:], b"fapilog data key v1" + data_key)
    records = AESGCM(key).decrypt(bytes(4) + struct.pack(">Q", block), log[at + header : end - 1], front)
    records = decompressed(records, length) if flags & 1 else records
    if len(records) != length:
        raise ValueError("another length")
    return end, records


def main(path, *key_paths):
    log, keys, at, errors = open(path, "rb").read(), Keys(key_paths), 0, 0
    while at < len(log):
        try:
            if not log.startswith(MAGIC, at):
                raise ValueError("no frame")
            end, records = frame_at(log, at, keys)
            sys.stdout.buffer.write(records)
        except (ValueError, KeyError, IndexError, struct.error, InvalidTag) as error:
            print(f"byte {at}: {error.args[0] if error.args else 'damaged'}", file=sys.stderr)
            end, errors = log.find(MAGIC, at + 1), errors + 1
        at = end if end >= 0 else len(log)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
