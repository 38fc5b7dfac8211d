"""The code in a ticket's QR, written a second time from docs/qr-format.md alone.

Shares nothing with crates/credential: CBOR is cbor2's, Ed25519 is OpenSSL's (by cryptography), base45 is below. The
tests of that crate run it in both directions:

    tk1.py judge < {"jwks", "revoked_jwks", "cases": [{"code", "now", "event", "feed", "still_good"}]}    > the answers
    tk1.py mint  < [{"seed", "alg", "expires_at", "cti", "event", ...}]                                  > the codes

Bytes are hexadecimal in both. It imports well, too: judge(code, keys, now, event, feed, revoked, still_good).
"""

import base64
import hashlib
import json
import sys

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PREFIX = "TK1:"
MAX_CHARS = 189
ALGORITHMS = (-19, -8)
TICKET_CLAIM = -65537
CLAIMS = ("expires_at", "cti", "event", "category", "generation")

# RFC 9285

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base45_encode(data):
    text = ""
    for at in range(0, len(data) - 1, 2):
        high, low = divmod(data[at] * 256 + data[at + 1], 45 * 45)
        text += ALPHABET[low % 45] + ALPHABET[low // 45] + ALPHABET[high]
    if len(data) % 2:
        high, low = divmod(data[-1], 45)
        text += ALPHABET[low] + ALPHABET[high]
    return text


def base45_decode(text):
    digits = [ALPHABET.index(character) for character in text]
    data = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        if len(group) == 1:
            raise ValueError("a character too many")
        value = sum(digit * 45**place for place, digit in enumerate(group))
        data += value.to_bytes(len(group) - 1, "big")
    return bytes(data)


# RFC 8032, strictly: OpenSSL checks the equation without the cofactor and that S is below the group order, but lets
# points of small order pass.

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def square_root(value):
    root = pow(value, (P + 3) // 8, P)
    if root * root % P != value % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if root * root % P == value % P else None


def small_order_ys():
    """1 and -1 have order 1 and 2, 0 order 4; doubled to 0 are the roots of d y^4 + 2 y^2 - 1, of order 8."""
    ys = {0, 1, P - 1}
    half = square_root(1 + D)
    for square in ((-1 + half) * pow(D, -1, P) % P, (-1 - half) * pow(D, -1, P) % P):
        y = square_root(square)
        if y is not None:
            ys |= {y, P - y}
    return ys


SMALL_ORDER = small_order_ys()


def small_order(point):
    """Whether the 32 bytes are a point of small order, however they spell it (the top bit is the sign of x)."""
    return (int.from_bytes(point, "little") % 2**255) % P in SMALL_ORDER


def kid_of(public):
    return hashlib.sha256(public).digest()[:4]


def read_jwks(document):
    """{kid: 32 bytes} of the Ed25519 signing keys in a JWK Set."""
    keys = {}
    for jwk in document["keys"]:
        if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519") or jwk.get("use", "sig") != "sig":
            continue
        public = base64.urlsafe_b64decode(jwk["x"] + "==")
        if len(public) != 32 or small_order(public) or jwk["kid"] != kid_of(public).hex():
            raise ValueError(f"not a usable key: {jwk}")
        keys[kid_of(public)] = public
    return keys


def has_signed(public, message, signature):
    if small_order(public) or small_order(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# RFC 9052 and 8392


def message_of(alg, kid, claims):
    """(the bytes that are signed, signature -> the whole message), in the one deterministic encoding."""
    protected = cbor2.dumps({1: alg, 4: kid})
    ticket = [claims["event"], claims["category"], claims["generation"]]
    payload = cbor2.dumps({4: claims["expires_at"], 7: claims["cti"], TICKET_CLAIM: ticket})
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    return signed, lambda signature: cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def unsigned(value, bits):
    return type(value) is int and 0 <= value < 2**bits


def parse(code):
    """(alg, kid, claims, signed bytes, signature) of a code; ValueError if it is none."""
    code = code.strip("\r\n\t\0 ")
    if not code.startswith(PREFIX) or len(code) > MAX_CHARS:
        raise ValueError("another text")
    try:
        data = base45_decode(code[len(PREFIX) :])
        tagged = cbor2.loads(data)
        if type(tagged) is not cbor2.CBORTag or tagged.tag != 18:
            raise ValueError("no COSE_Sign1")
        protected, _, payload, signature = tagged.value
        headers, content = cbor2.loads(protected), cbor2.loads(payload)
        alg, kid = headers[1], headers[4]
        event, category, generation = content[TICKET_CLAIM]
        claims = {
            "expires_at": content[4],
            "cti": content[7],
            "event": event,
            "category": category,
            "generation": generation,
        }
        fits = (
            type(alg) is int
            and alg in ALGORITHMS
            and (type(kid), len(kid)) == (bytes, 4)
            and (type(signature), len(signature)) == (bytes, 64)
            and type(claims["expires_at"]) is int
            and -(2**63) <= claims["expires_at"] < 2**63
            and (type(claims["cti"]), len(claims["cti"])) == (bytes, 10)
            and unsigned(event, 32)
            and unsigned(category, 16)
            and unsigned(generation, 8)
        )
        if not fits:
            raise ValueError("other types")
        signed, whole = message_of(alg, kid, claims)
    except Exception as error:  # whatever a library thinks of foreign bytes: it is no code
        raise ValueError("malformed") from error
    # Written anew and compared: further members, longer integers, another order, trailing bytes.
    if PREFIX + base45_encode(whole(signature)) != code:
        raise ValueError("not the deterministic encoding")
    return alg, kid, claims, signed, signature


def judge(code, keys, now, event=None, feed=None, revoked=None, still_good=()):
    """The word for a code.

    `feed` is {cti: (lowest good generation, voided)}, `revoked` {kid: public key}, and `still_good` the set of
    (expires_at, cti, event, category, generation) that are valid although their key was revoked.
    """
    try:
        _, kid, claims, signed, signature = parse(code)
    except ValueError:
        return "malformed"
    revoked = revoked or {}
    if kid not in keys and kid not in revoked:
        return "unknown_key"
    # All claims are compared: whoever has the key can write a good id into any code.
    if kid in revoked and tuple(claims[name] for name in CLAIMS) not in still_good:
        return "revoked_key"
    if not has_signed(revoked.get(kid) or keys[kid], signed, signature):
        return "bad_signature"
    lowest, voided = (feed or {}).get(claims["cti"], (0, False))
    if voided:
        return "voided"
    if claims["generation"] < lowest:
        return "superseded"
    if event is not None and event != claims["event"]:
        return "other_event"
    return "expired" if now >= claims["expires_at"] else "valid"


def mint(seed, alg, claims):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed, whole = message_of(alg, kid_of(public), claims)
    return PREFIX + base45_encode(whole(key.sign(signed)))


def main(command):
    given = json.load(sys.stdin)
    if command == "judge":
        keys, revoked = read_jwks(given["jwks"]), read_jwks(given["revoked_jwks"])
        answers = []
        for case in given["cases"]:
            feed = {bytes.fromhex(cti): (lowest, voided) for cti, lowest, voided in case["feed"]}
            good = {(expires_at, bytes.fromhex(cti), *rest) for expires_at, cti, *rest in case["still_good"]}
            answers.append(judge(case["code"], keys, case["now"], case["event"], feed, revoked, good))
    elif command == "mint":
        answers = [
            mint(bytes.fromhex(job["seed"]), job["alg"], {**job, "cti": bytes.fromhex(job["cti"])}) for job in given
        ]
    else:
        sys.exit(__doc__)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
