#!/usr/bin/env python3
"""Puts values back in the place of sealed values and tokens, by docs/encryption-format.md alone: unseal.py LINES KEY... (each KEY: a file
with an identity or a key-encryption key, or the directory of a key store). Prints the lines, and on standard error the number of
texts for each reason why they stay. Needs Debian's python3-cryptography."""
import base64, collections, json, os, re, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from decrypt import KEY_MAGIC, Keys, bech32m, hkdf

B64 = "[A-Za-z0-9_-]"
TEXT = re.compile(
    f"sealed1:(?P<id>{B64}{{22}}):(?P<wraps>{B64}+):(?P<value>{B64}+)"
    f"|sealed1:(?P<subject_value>{B64}{{80,}})"
    f"|tok1:(?P<key>[0-9a-f]{{16}}):(?P<token>{B64}+)"
    f"|tok1:(?P<subject_key>{B64}{{43}}):(?P<subject_token>{B64}+)"
)


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Reader(Keys):
    def __init__(self, paths):
        super().__init__(paths)
        secrets = [bech32m(open(path).read())[1] for path in paths if os.path.isfile(path)]
        self.tokens = {hkdf(secret, None, b"fapilog key id v1", 8): token_key(secret) for secret in secrets}

    def subject_key(self, subject, key):
        for store in self.stores:
            name = f"{store}/subject-{subject.hex()}"
            if os.path.exists(f"{name}-{key.hex()}.shredded"):
                raise KeyError("shredded")
            if os.path.exists(f"{name}.key"):
                file = open(f"{name}.key", "rb").read()
                if file[:10] == KEY_MAGIC + b"\x01\x02" and file[10:26] == key:
                    return self.unwrap(file[26:], b"fapilog subject key v1" + key)
        raise KeyError("no key at hand")

    def value(self, found):
        if found["id"]:
            key_id, wraps, value = (decoded(found[name]) for name in ("id", "wraps", "value"))
            key = self.unwrap(wraps, b"fapilog sealed values v1" + key_id)
            return AESGCM(key).decrypt(bytes(4) + value[:8], value[8:], b"fapilog sealed value v1" + key_id)
        if found["subject_value"]:
            value = decoded(found["subject_value"])
            key = self.subject_key(value[:16], value[16:32])
            return AESGCM(key).decrypt(value[32:44], value[44:], b"fapilog subject value v1" + value[:32])
        if found["key"]:
            key_id = bytes.fromhex(found["key"])
            if key_id not in self.tokens:
                raise KeyError("no key at hand")
            return AESSIV(self.tokens[key_id]).decrypt(decoded(found["token"]), [b"fapilog token v1" + key_id])
        ids = decoded(found["subject_key"])
        key = token_key(self.subject_key(ids[:16], ids[16:]))
        return AESSIV(key).decrypt(decoded(found["subject_token"]), [b"fapilog subject token v1" + ids])


def token_key(secret):
    return hkdf(secret, None, b"fapilog token key v1", 64)


def main(path, *key_paths):
    reader, reasons = Reader(key_paths), collections.Counter()

    def value(found):
        try:
            # The lines of the test are JSON.
            return json.dumps(reader.value(found.groupdict()).decode(), ensure_ascii=False)[1:-1]
        except KeyError as error:
            reasons[error.args[0]] += 1
        except (InvalidTag, ValueError):
            reasons["damaged"] += 1
        return found[0]

    for line in open(path, encoding="utf-8", newline="\n"):
        sys.stdout.buffer.write(TEXT.sub(value, line).encode())
    for reason in sorted(reasons):
        print(f"{reason}: {reasons[reason]}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
