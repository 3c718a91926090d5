"""Malformed and adversarial requests, seeded; good ones among them, which are counted."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import orjson

from vigil.bench.collecting.payloads import trace_requests
from vigil.events.content import JSON, PROTOBUF

_DAY_NS = 86_400 * 10**9
# Digits of other scripts, marks that turn or join text, NUL, expressions, templates, and beginnings
# of what redaction looks for.
_HOSTILE = (
    "4", "\u0663", "\uff14", "\u06f4 ", "\0", "\u202e", "\u200d", "\ufeff", "\U0001f469", "\u0130",
    "e\u0301", "\ud7ff", "\uffff", "\U0010ffff", "\r\n", "\t", "\\", '"', "'", "$1", "${1}", "(?:",
    "[", "{", "}", "%s", "%00", "../", "<script>", "';--", "::", ":0", ".1", "1.", "@", "@a.b", "?",
    "://", "a:b@", "token=", 'password: "', "Bearer ", "eyJ", "-----BEGIN PRIVATE KEY-----",
    "4111 1111 1111 1111",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request, and how many good spans are in it; None where that cannot be said beforehand."""

    kind: str
    body: bytes
    good: int | None
    headers: dict[str, str] = field(default_factory=dict)


class Fuzzer:
    """Draws attempts of every kind in turn."""

    def __init__(self, seed: int, now_ns: int) -> None:
        self._draw = np.random.default_rng(seed)
        self._now_ns = now_ns
        self._whole = trace_requests(20, spans=3, now_ns=now_ns, seed=seed)
        # Packing one takes longer than all other attempts of a round.
        self._bombs = [_packed_zeros(mib) for mib in (18, 25, 40)]

    def attempts(self, count: int) -> Iterator[Attempt]:
        """`count` attempts, the same for the same seed."""
        kinds: list[Callable[[], Attempt]] = [
            self._good, self._good_gzip, self._flipped, self._truncated, self._random,
            self._zip_bomb, self._bad_gzip, self._wrong_type, self._deep_json, self._huge_numbers,
            self._bad_json, self._deep_value, self._duplicated, self._cyclic, self._future,
            self._many_routes, self._many_attributes, self._spliced, self._hostile_text,
        ]  # fmt: skip
        for number in range(count):
            yield kinds[number % len(kinds)]()

    def _any(self) -> bytes:
        return self._whole[int(self._draw.integers(len(self._whole)))]

    def _good(self) -> Attempt:
        return Attempt("good", self._any(), 3)

    def _good_gzip(self) -> Attempt:
        return Attempt(
            "good, gzip", gzip.compress(self._any(), mtime=0), 3, {"content-encoding": "gzip"}
        )

    def _flipped(self) -> Attempt:
        body = bytearray(self._any())
        for at in self._draw.integers(0, len(body), int(self._draw.integers(1, 20))):
            body[at] ^= 1 << int(self._draw.integers(8))
        return Attempt("bit flips", bytes(body), None)

    def _truncated(self) -> Attempt:
        body = self._any()
        return Attempt("truncated", body[: int(self._draw.integers(1, len(body)))], None)

    def _random(self) -> Attempt:
        return Attempt("random bytes", self._draw.bytes(int(self._draw.integers(1, 500))), None)

    def _spliced(self) -> Attempt:
        one, two = self._any(), self._any()
        cut = int(self._draw.integers(1, min(len(one), len(two))))
        return Attempt("spliced", one[:cut] + two[cut:], None)

    def _zip_bomb(self) -> Attempt:
        bomb = self._bombs[int(self._draw.integers(len(self._bombs)))]
        return Attempt("zip bomb", bomb, 0, {"content-encoding": "gzip"})

    def _bad_gzip(self) -> Attempt:
        packed = gzip.compress(self._any(), mtime=0)
        return Attempt("cut gzip", packed[: len(packed) // 2], 0, {"content-encoding": "gzip"})

    def _wrong_type(self) -> Attempt:
        kind = str(self._draw.choice(["text/html", "", "application/grpc", "image/png", "\x7f"]))
        return Attempt("wrong content type", self._any(), 0, {"content-type": kind})

    def _json(self, kind: str, document: bytes, good: int | None) -> Attempt:
        return Attempt(kind, document, good, {"content-type": JSON})

    def _deep_json(self) -> Attempt:
        depth = int(self._draw.integers(100, 100_000))
        return self._json("deep JSON", b'{"resourceSpans":' + b"[" * depth + b"]" * depth + b"}", 0)

    def _bad_json(self) -> Attempt:
        choices = [b'{"resourceSpans":[', b"NaN", b"[]", b'{"resourceSpans":[{}', b"\xff\xfe{}"]
        return self._json("broken JSON", choices[int(self._draw.integers(len(choices)))], 0)

    def _huge_numbers(self) -> Attempt:
        """Numbers that no column holds; written by hand, since no writer would."""
        number = str(self._draw.choice(["1e999", "-1", "9" * 400, '"NaN"', '"1e30"']))
        span = f'{{"name":"a","startTimeUnixNano":{number},"endTimeUnixNano":{number}}}'
        text = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'
        return self._json("huge numbers, NaN", text.encode(), 0)

    def _span(self, **fields: object) -> dict[str, object]:
        start = self._now_ns - 10**9
        return {
            "name": "a",
            "kind": 2,
            "traceId": self._draw.bytes(16).hex(),
            "spanId": self._draw.bytes(8).hex(),
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 10**6),
        } | fields

    def _spans(self, kind: str, spans: list[dict[str, object]], good: int) -> Attempt:
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "fuzz"}}]}
        group = {"resource": resource, "scopeSpans": [{"spans": spans}]}
        return self._json(kind, orjson.dumps({"resourceSpans": [group]}), good)

    def _deep_value(self) -> Attempt:
        value: dict[str, object] = {"stringValue": "x"}
        for _ in range(int(self._draw.integers(2, 15))):
            value = {"arrayValue": {"values": [value]}}
        span = self._span(attributes=[{"key": "deep", "value": value}])
        return self._spans("deep attribute", [span], 1)

    def _duplicated(self) -> Attempt:
        return self._spans("duplicated span ids", [self._span()] * 3, 3)

    def _cyclic(self) -> Attempt:
        one, two = self._draw.bytes(8).hex(), self._draw.bytes(8).hex()
        spans = [
            self._span(spanId=one, parentSpanId=two),
            self._span(spanId=two, parentSpanId=one),
            self._span(spanId=one, parentSpanId=one),
        ]
        return self._spans("cyclic parents", spans, 3)

    def _future(self) -> Attempt:
        start = self._now_ns + int(self._draw.integers(1, 10_000)) * _DAY_NS
        span = self._span(startTimeUnixNano=str(start), endTimeUnixNano=str(start + 1))
        return self._spans("clock in the future", [span, self._span()], 1)

    def _many_routes(self) -> Attempt:
        def routed() -> dict[str, object]:
            path = f"/{self._draw.bytes(3).hex()}x/{self._draw.bytes(2).hex()}y"
            value = {"stringValue": path}
            return self._span(attributes=[{"key": "http.route", "value": value}])

        return self._spans("distinct routes", [routed() for _ in range(20)], 20)

    def _many_attributes(self) -> Attempt:
        attributes = [
            {"key": f"k{number}", "value": {"stringValue": "x" * 2_000}} for number in range(100)
        ]
        return self._spans("many long attributes", [self._span(attributes=attributes)], 1)

    def _hostile_text(self) -> Attempt:
        """What text may hold that expressions, columns and databases stumble over."""

        def text() -> str:
            parts = self._draw.choice(_HOSTILE, int(self._draw.integers(1, 6)))
            return "".join(str(part) * int(self._draw.integers(1, 20)) for part in parts)

        attributes = [{"key": text(), "value": {"stringValue": text()}} for _ in range(3)]
        attributes += [
            {"key": key, "value": {"stringValue": text()}}
            for key in ("http.route", "error.type", "db.password")
        ]
        status = {"code": 2, "message": text()}
        return self._spans("hostile text", [self._span(attributes=attributes, status=status)], 1)


def _packed_zeros(mib: int) -> bytes:
    packed = zlib.compressobj(9, wbits=31)
    return b"".join([packed.compress(bytes(1 << 20)) for _ in range(mib)]) + packed.flush()


def content_headers(attempt: Attempt) -> dict[str, str]:
    """The attempt's headers, over protobuf."""
    return {"content-type": PROTOBUF} | attempt.headers
