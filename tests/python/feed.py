"""The door's feed, written a second time from docs/door-feed.md alone.

Shares nothing with crates/door: CBOR is cbor2's, Ed25519 is OpenSSL's, by tk1.py, which judges the codes, too. The
tests of that crate run it:

    feed.py run < docs/door-feed-vectors.json    > for each case its answers and what is held at its end

It imports well, too: read(data, keys), Held(snapshot, signer, event_id), Held.apply(document, signer).
"""

import hashlib
import hmac
import json
import sys

import cbor2
import tk1

TYPE = "tk1-feed"
KINDS = SNAPSHOT, DELTA, STILL_GOOD, NUMBERS, NAMES, ADMITTED = range(6)
IN, OUT, UNKNOWN = range(3)
KIND, EVENT, EVENT_ID, EPOCH, VERSION, FROM, MADE_AT, FRESH_UNTIL = range(1, 9)
HEAD, ACCEPTED, REVOKED, DEVIATIONS, COUNT, HASH, KID, ENTRIES = range(9, 17)
MAX_BYTES, MAX_TICKETS, MAX_TEXT, MAX_RULES = 64 * 1024 * 1024, 5_000_000, 4 * 1024, 256 * 1024


class Refused(Exception):
    """With the word for the reason."""


# What members look like: each is a function from a value to whether it fits.


def uint(bits):
    return lambda value: tk1.unsigned(value, bits)


def integer(value):
    return type(value) is int and -(2**63) <= value < 2**63


def octets(length):
    return lambda value: type(value) is bytes and len(value) == length


def text(limit=MAX_TEXT):
    return lambda value: type(value) is str and len(value.encode()) <= limit


def boolean(value):
    return type(value) is bool


def listing(limit, *members, by=lambda entry: entry[0]):
    """A list of tuples of these members (of bare ones, if there is one alone), sorted, none of them twice."""

    def entry_fits(entry):
        if len(members) == 1:
            return members[0](entry)
        return type(entry) is list and len(entry) == len(members) and all(f(e) for f, e in zip(members, entry))

    def fits(value):
        if type(value) is not list or len(value) > limit or not all(map(entry_fits, value)):
            return False
        keys = [entry if len(members) == 1 else by(entry) for entry in value]
        keys = [key.encode() if type(key) is str else key for key in keys]
        return all(a < b for a, b in zip(keys, keys[1:]))

    return fits


def mapping(required, optional=()):
    members = {**required, **dict(optional)}
    return lambda value: (
        type(value) is dict
        and all(type(key) is int and key in members and members[key](value[key]) for key in value)
        and all(key in value for key in required)
    )


def is_point(key):
    y = int.from_bytes(key, "little") % 2**255
    return tk1.square_root((y * y - 1) * pow(tk1.D * y * y + 1, -1, tk1.P) % tk1.P) is not None


def usable(key):
    return octets(32)(key) and is_point(key) and not tk1.small_order(key)


named = listing(65_536, uint(16), text())
head = mapping(
    {8: lambda status: type(status) is int and status in (0, 1, 2), 9: named, 10: named, 11: listing(10_000, text())},
    {1: text(), 2: integer, 3: integer, 4: integer, 5: text(), 6: text(), 7: text(), 12: text(MAX_RULES)},
)
keys_of = listing(1_000, usable)
cti, u64 = octets(10), uint(64)
deviations = listing(MAX_TICKETS, cti, uint(8), boolean)
common = {KIND: uint(8), EVENT: uint(32), EPOCH: u64, VERSION: u64, MADE_AT: integer}
listed = {FRESH_UNTIL: integer, DEVIATIONS: deviations, COUNT: u64, HASH: octets(32)}
good = listing(MAX_TICKETS, cti, uint(8), uint(16), integer, by=lambda entry: entry[:2])
numbers = listing(MAX_TICKETS, octets(8), cti, by=lambda entry: entry)


def way(value):
    return type(value) is int and value in (IN, OUT, UNKNOWN)


SHAPES = {
    SNAPSHOT: mapping({**common, **listed, EVENT_ID: text(), HEAD: head, ACCEPTED: keys_of, REVOKED: keys_of}),
    DELTA: mapping({**common, **listed, FROM: u64}, {HEAD: head, ACCEPTED: keys_of, REVOKED: keys_of}),
    STILL_GOOD: mapping({**common, KID: octets(4), ENTRIES: good}),
    NUMBERS: mapping({**common, ENTRIES: numbers}),
    NAMES: mapping({**common, ENTRIES: listing(MAX_TICKETS, cti, text(), text())}),
    ADMITTED: mapping({**common, FROM: u64, ENTRIES: listing(MAX_TICKETS, octets(5), way, integer)}),
}


def ordered(value):
    """The value with its maps in the order of their keys, as they are written."""
    if type(value) is dict:
        return {key: ordered(value[key]) for key in sorted(value)}
    return value


def digest(complete):
    """Count and hash of {cti: (lowest good generation, voided)}."""
    entries = [[key, *complete[key]] for key in sorted(complete)]
    return len(entries), hashlib.sha256(cbor2.dumps(entries)).digest()


def read(data, keys):
    """(the id of the signer, the document's map) of bytes that one of these keys signed."""
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("too large")
        tagged = cbor2.loads(data)
        protected, _, payload, signature = tagged.value
        kid = cbor2.loads(protected)[4]
        only = cbor2.dumps({1: -19, 4: kid, 16: TYPE})
        whole = cbor2.dumps(cbor2.CBORTag(18, [only, {}, payload, signature]))
        if not octets(4)(kid) or type(payload) is not bytes or not octets(64)(signature) or whole != data:
            raise ValueError("no signed feed")
    except Exception as error:  # whatever a library thinks of foreign bytes
        raise Refused("malformed") from error
    if kid not in keys:
        raise Refused("unknown_key")
    if not tk1.has_signed(keys[kid], cbor2.dumps(["Signature1", only, b"", payload]), signature):
        raise Refused("bad_signature")
    try:
        document = cbor2.loads(payload)
        if not SHAPES[document[KIND]](document) or cbor2.dumps(ordered(document)) != payload:
            raise ValueError("not a feed")
        if document.get(FROM, 0) > document[VERSION] or (ACCEPTED in document) != (REVOKED in document):
            raise ValueError("not a feed")
        entries = {entry[0]: tuple(entry[1:]) for entry in document.get(DEVIATIONS, [])}
        if (0, False) in entries.values():
            raise ValueError("a deviation of nothing")
        if document[KIND] == SNAPSHOT and digest(entries) != (document[COUNT], document[HASH]):
            raise ValueError("another count or hash")
    except Exception as error:
        raise Refused("malformed") from error
    return kid, document


def stricter(a, b):
    return max(a[0], b[0]), a[1] or b[1]


class Held:
    """What a scanner holds."""

    def __init__(self, document, signer, event_id):
        if document[KIND] != SNAPSHOT:
            raise Refused("not_a_snapshot")
        if document[EVENT_ID] != event_id:
            raise Refused("other_event")
        if signer in {tk1.kid_of(key) for key in document[REVOKED]}:
            raise Refused("revoked_key")
        self.event, self.event_id, self.epoch = document[EVENT], event_id, document[EPOCH]
        self.version, self.made_at, self.fresh_until = document[VERSION], document[MADE_AT], document[FRESH_UNTIL]
        self.union, self.record, self.parts, self.good, self.gone = {}, {}, {}, set(), {}
        self.accepted = self.revoked = {}
        self.snapshot(document, signer)

    def apply(self, document, signer):
        kind = document[KIND]
        if document[EVENT] != self.event or document.get(EVENT_ID, self.event_id) != self.event_id:
            raise Refused("other_event")
        if signer in {*self.revoked, *(tk1.kid_of(key) for key in document.get(REVOKED, []))}:
            raise Refused("revoked_key")
        if document[EPOCH] < self.epoch:
            return "older"
        if document[EPOCH] > self.epoch:
            if kind != SNAPSHOT:
                return "reload"
            self.__init__(document, signer, self.event_id)
            return "applied"
        if kind not in (SNAPSHOT, DELTA):
            return self.part(document, signer)
        if (document[VERSION], document[MADE_AT]) < (self.version, self.made_at):
            return "older"
        return self.snapshot(document, signer) if kind == SNAPSHOT else self.delta(document, signer)

    def snapshot(self, document, signer):
        self.record = {entry[0]: tuple(entry[1:]) for entry in document[DEVIATIONS]}
        self.restrict(self.record)
        self.signers = {signer}
        return self.advance(document)

    def delta(self, document, signer):
        if document[FROM] > self.version:
            return "reload"
        changes = {entry[0]: tuple(entry[1:]) for entry in document[DEVIATIONS]}
        self.restrict(changes)
        record = dict(self.record)
        for key, change in changes.items():
            record[key] = stricter(record.get(key, (0, False)), change)
        if digest(record) != (document[COUNT], document[HASH]):
            return "reload"
        self.record = record
        self.signers.add(signer)
        self.advance(document)
        return "reload" if self.signers & set(self.revoked) else "applied"

    def restrict(self, entries):
        for key, entry in entries.items():
            self.union[key] = stricter(self.union.get(key, (0, False)), entry)

    def advance(self, document):
        self.head = document.get(HEAD) or self.head
        if REVOKED in document:
            self.revoked = {tk1.kid_of(key): key for key in document[REVOKED]}
            accepted = {tk1.kid_of(key): key for key in document[ACCEPTED]}
            self.accepted = {kid: key for kid, key in accepted.items() if kid not in self.revoked}
            kept = {part: held for part, held in self.parts.items() if not held[1] & set(self.revoked)}
            lost = set(self.parts) - set(kept)
            if any(kind == STILL_GOOD for kind, _ in lost):
                kept = {part: held for part, held in kept.items() if part[0] != STILL_GOOD}
                self.good = set()
            if any(kind == ADMITTED for kind, _ in lost):
                self.gone = {}
            self.parts = kept
        self.version = document[VERSION]
        if document[MADE_AT] >= self.made_at:
            self.made_at, self.fresh_until = document[MADE_AT], document[FRESH_UNTIL]
        return "applied"

    def part(self, document, signer):
        kind, name = document[KIND], (document[KIND], document.get(KID))
        version, signers, _ = self.parts.get(name, (None, set(), None))
        if version is not None and document[VERSION] < version:
            return "older"
        if kind == ADMITTED:
            if document[FROM] > (version or 0):
                return "reload"
            if document[FROM] == 0:
                self.gone, signers = {}, set()
            self.gone.update({prefix: (way, at) for prefix, way, at in document[ENTRIES]})
            self.gone = {prefix: seen for prefix, seen in self.gone.items() if seen[0] != UNKNOWN}
        if kind == STILL_GOOD:
            for key, generation, category, expires_at in document[ENTRIES]:
                self.good.add((expires_at, key, self.event, category, generation))
        together = signers | {signer} if kind == ADMITTED else {signer}
        self.parts[name] = document[VERSION], together, document[ENTRIES]
        return "applied"

    def judge(self, code, now):
        return tk1.judge(code, self.accepted, now, self.event, self.union, self.revoked, self.good)

    def rules(self):
        """Re-entry and stale feed, as far as this reader knows rules; None where there are others."""
        known = {"reEntry": ("never", "afterExit", "always"), "staleFeed": ("warn", "stop")}
        try:
            rules = json.loads(self.head.get(12, "{}"))
            if type(rules) is not dict or any(rules[name] not in known[name] for name in rules):
                raise ValueError("another rule")
        except Exception:  # of a later version
            return None
        return rules

    def entry(self, code, now):
        """The verdict on an entry without a gate."""
        rules = self.rules() or {}
        if rules.get("staleFeed") == "stop" and now >= self.fresh_until:
            return "stale_feed"
        verdict = self.judge(code, now)
        if verdict != "valid":
            return verdict
        refusing = {"never": (IN, OUT), "afterExit": (IN,), "always": ()}[rules.get("reEntry", "never")]
        seen = self.last_seen(tk1.parse(code)[2]["cti"])
        return "already_admitted" if seen and seen[0] in refusing else "admitted"

    def by_number(self, number_key, number):
        tag = hmac.digest(number_key, number.encode(), "sha256")[:8]
        found = [key for other, key in self.parts.get((NUMBERS, None), (0, 0, []))[2] if other == tag]
        return found[0] if len(found) == 1 else None

    def holder(self, key):
        return {entry[0]: entry[1] for entry in self.parts.get((NAMES, None), (0, 0, []))[2]}.get(key)

    def last_seen(self, key):
        return self.gone.get(key[:5])


def run(case, given, keys):
    """The answers to a case's documents, one after another, and what is held at its end."""
    held, answers = None, []
    for name in case["documents"]:
        try:
            signer, document = read(bytes.fromhex(given["documents"].get(name, name)), keys)
            if held is None:
                held, answer = Held(document, signer, given["event_id"]), "applied"
            else:
                answer = held.apply(document, signer)
        except Refused as refused:
            answer = str(refused)
        answers.append(answer)
    if held is None:
        return {"answers": answers, "held": None}
    count, whole = digest(held.record)
    shown = {
        "epoch": held.epoch,
        "version": held.version,
        "fresh_until": held.fresh_until,
        "stale": case["now"] >= held.fresh_until,
        "rules_known": held.rules() is not None,
        "name": held.head.get(1),
        "accepted": [kid.hex() for kid in sorted(held.accepted)],
        "revoked": [kid.hex() for kid in sorted(held.revoked)],
        "count": count,
        "hash": whole.hex(),
        "deviations": [[key.hex(), *held.union[key]] for key in sorted(held.union)],
        "beyond": sum(held.record.get(key) != entry for key, entry in held.union.items()),
    }
    ctis = [bytes.fromhex(key) for key in case["ctis"]]
    found = [held.by_number(bytes.fromhex(given["number_key"]), number) for number in case["numbers"]]
    seen = [held.last_seen(key) for key in ctis]
    return {
        "answers": answers,
        "held": shown,
        "verdicts": [held.judge(given["codes"][name], case["now"]) for name in case["codes"]],
        "entries": [held.entry(given["codes"][name], case["now"]) for name in case["codes"]],
        "found": [key and key.hex() for key in found],
        "holders": [held.holder(key) for key in ctis],
        "last_seen": [one and ["out" if one[0] else "in", one[1]] for one in seen],
    }


if __name__ == "__main__":
    if sys.argv[1:] != ["run"]:
        sys.exit(__doc__)
    vectors = json.load(sys.stdin)
    json.dump([run(case, vectors, tk1.read_jwks(vectors["jwks"])) for case in vectors["cases"]], sys.stdout)
