"""The hash and the cipher of old encryption: used to try a known password, nothing is kept secret by them."""

import hashlib


def md5(data: bytes) -> bytes:
    """Return the MD5 of `data`."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def rc4(key: bytes, text: bytes) -> bytes:
    """Return `text` encrypted, which is also how it is decrypted."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, j = bytearray(), 0
    for position, byte in enumerate(text, 1):
        i = position % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
