"""Secrets and personal data out of free text, before anything is stored.

Works on whole columns: one search says which rows can hold anything at all, a literal search for
each rule which of these it concerns, and its expression runs on those alone. All take linear time,
whatever the text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from vigil.events.sensitive import CARD, IPV6, is_card, network_of_ipv6

TOKENS, EMAILS, CARDS, IPS, QUERIES = KINDS = ("tokens", "emails", "cards", "ips", "queries")

SECRET = "[secret]"
FREE_TEXT = ("error", "body", "peer_service")
# Labels in a metric's name may hold addresses of hosts, which tell its series apart.
_IN_METRICS = frozenset((TOKENS, EMAILS, CARDS))

_SECRET_NAME = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[._-]?key|access[._-]?key|private[._-]?key"
    r"|authorization|cookie|session[._-]?id|sid|credentials?)"
)
_SECRET_KEY = rf"(?i)(?:^|[._-]){_SECRET_NAME}$"
_ISSUED = (
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|AIza[\w-]{35}"
    r"|[sr]k_(?:live|test)_[0-9A-Za-z]{10,}|sk-[\w-]{20,})"
)
# A value ends where its quotation does, also where the text was cut before that or is a quotation
# itself (`\"token\": \"…`).
_ASSIGNED = (
    rf"""(?i)\b((?:[\w.-]*[._-])?{_SECRET_NAME}\\*["']?\s*[:=]\s*)"""
    r"""(?:(")(?:[^"\\]|\\.)*|(')[^']*|(\\+["'])[^"'\\]*"""
    r"""|(?:bearer |basic |digest )?[^\s"'\\&,;<>{}()\[\]]+)"""
)
_OTLP_JSON = (
    rf"""(?i)("key"\s*:\s*"(?:[^"]*[._-])?{_SECRET_NAME}"\s*,\s*"value"\s*:\s*\{{\s*"stringValue"\s*"""
    r""":\s*")(?:[^"\\]|\\.)*"""
)
_EMAIL = r"[^\s@<>()\[\],;:\"'=&]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_PRIVATE_KEY = r"-----BEGIN[A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END[A-Z ]*PRIVATE KEY-----|$)"


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rows that hold one of `literals`, whatever their case, go through `pattern`."""

    kind: str
    literals: tuple[str, ...]
    pattern: str
    replacement: str


_RULES = (
    _Rule(TOKENS, ("private key",), _PRIVATE_KEY, SECRET),
    _Rule(TOKENS, ("://",), r"(://)[^/\s:@]*:[^/\s@]+@", "${1}" + SECRET + "@"),
    _Rule(QUERIES, ("?",), r"((?:[a-zA-Z][\w+.-]*://|/)[^\s?\"'<>]*)\?[^\s\"'<>#]*", "${1}"),
    _Rule(
        TOKENS,
        ("pass", "pwd", "secret", "token", "key", "authorization", "cookie", "sid", "session",
         "credential"),
        _ASSIGNED,
        "${1}${2}${3}${4}" + SECRET,
    ),
    _Rule(TOKENS, ("stringvalue",), _OTLP_JSON, "${1}" + SECRET),
    _Rule(
        TOKENS,
        ("bearer ", "basic ", "digest "),
        r"(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{6,}",
        "${1} " + SECRET,
    ),
    _Rule(TOKENS, ("eyj",), r"\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?", SECRET),
    _Rule(
        TOKENS,
        ("akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox",
         "aiza", "k_live_", "k_test_", "sk-"),
        _ISSUED,
        SECRET,
    ),
    _Rule(EMAILS, ("@",), _EMAIL, "[email]"),
    _Rule(IPS, (), r"\b([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}\b", "${1}.0"),
)  # fmt: skip
_SOME_IPV6 = "::|(?::[^:]*){7}"
# What a text must hold for numbers and addresses to be looked for; a dot alone says too little.
_TRACES = {
    CARDS: r"[2-6](?:[ -]?[0-9]){12}",
    IPS: r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|::|(?::[0-9a-f]{1,4}){7}",
}


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is taken out. kinds: of KINDS; patterns: (name, further expression), what it finds
    becomes `[name]`.

    Text keeps its sense: addresses lose their last part (IPv4 the last number, IPv6 all beyond
    /48), URLs their query, assignments (`token=…`) their value.
    """

    kinds: frozenset[str] = frozenset(KINDS)
    patterns: tuple[tuple[str, str], ...] = ()

    def records(self, records: pl.DataFrame) -> pl.DataFrame:
        """Records with clean free text and attributes; other columns are as they were."""
        if not self.kinds and not self.patterns:
            return records
        columns = [self.text(records[name]) for name in FREE_TEXT if name in records.columns]
        if "metric" in records.columns:
            names = replace(self, kinds=self.kinds & _IN_METRICS)
            columns.append(names.text(records["metric"]))
        if "attributes" in records.columns:
            columns.append(self._attributes(records["attributes"]))
        return records.with_columns(columns)

    def text(self, texts: pl.Series) -> pl.Series:
        """Texts without what the rules find; nulls stay."""
        if texts.null_count() == len(texts):
            return texts
        distinct = texts.drop_nulls().unique()
        if 2 * len(distinct) > len(texts):
            return self._clean(texts)
        clean = self._clean(distinct)
        if clean is distinct:
            return texts
        changed = distinct != clean
        return texts.replace(distinct.filter(changed), clean.filter(changed))

    def _clean(self, texts: pl.Series) -> pl.Series:
        suspect = texts.str.contains(_suspicion(self)).arg_true()
        if not len(suspect):
            return texts
        # `scatter` changes the series that it is called on.
        return texts.clone().scatter(suspect, self._replace_all(texts.gather(suspect)))

    def _replace_all(self, texts: pl.Series) -> pl.Series:
        # Most suspects are addresses of hosts, which hold no literal of any other rule.
        named = [rule for rule in _RULES if rule.kind in self.kinds - _TRACES.keys()]
        literals = [literal for rule in named for literal in rule.literals]
        rows = _holding(texts, literals).arg_true()
        if len(rows):
            some = texts.gather(rows)
            for rule in named:
                some = _apply(some, rule)
            texts = texts.scatter(rows, some)
        for rule in _RULES:
            if rule.kind in self.kinds & _TRACES.keys():
                texts = texts.str.replace_all(rule.pattern, rule.replacement)
        if CARDS in self.kinds:
            texts = _replace_cards(texts)
        if IPS in self.kinds:
            texts = _truncate_ipv6(texts)
        for name, pattern in self.patterns:
            texts = _replace(texts, texts.str.contains(pattern), pattern, f"[{name}]")
        return texts

    def _attributes(self, attributes: pl.Series) -> pl.Series:
        """The values of a map; those under the name of a secret go as a whole."""
        if attributes.null_count() == len(attributes):
            return attributes
        maps = attributes.to_arrow()
        # Both repeat from record to record: each distinct one is looked at once.
        values, names = maps.items.dictionary_encode(), maps.keys.dictionary_encode()
        distinct = pl.Series(values.dictionary)
        clean = self._clean(distinct)
        secret = pl.Series(names.dictionary).str.contains(_SECRET_KEY)
        hides = TOKENS in self.kinds and secret.any()
        if not hides and clean.equals(distinct):
            return attributes
        items = clean.to_arrow().cast(maps.type.item_type).take(values.indices)
        if hides:
            items = pc.if_else(secret.to_arrow().take(names.indices), SECRET, items)
        rebuilt = pa.MapArray.from_arrays(
            maps.offsets, maps.keys, items, maps.type, mask=maps.is_null()
        )
        return pl.Series(attributes.name, rebuilt).cast(attributes.dtype)


NO_REDACTION = Redaction(kinds=frozenset())


@lru_cache(maxsize=16)
def _suspicion(redaction: Redaction) -> str:
    """One expression for all texts that any rule could change."""
    literals = {
        re.escape(literal)
        for rule in _RULES
        if rule.kind in redaction.kinds and rule.kind not in _TRACES
        for literal in rule.literals
    }
    traces = [trace for kind, trace in _TRACES.items() if kind in redaction.kinds]
    own = [f"(?:{pattern})" for _, pattern in redaction.patterns]
    looked_for = [f"(?i:{'|'.join([*sorted(literals), *traces])})"] if literals or traces else []
    return "|".join([*looked_for, *own])


def _apply(texts: pl.Series, rule: _Rule) -> pl.Series:
    return _replace(texts, _holding(texts, rule.literals), rule.pattern, rule.replacement)


def _holding(texts: pl.Series, literals: Sequence[str]) -> pl.Series:
    if not literals:
        return pl.repeat(False, len(texts), eager=True)
    return texts.str.contains_any(list(literals), ascii_case_insensitive=True)


def _replace(texts: pl.Series, held: pl.Series, pattern: str, replacement: str) -> pl.Series:
    rows = held.arg_true()
    if not len(rows):
        return texts
    return texts.scatter(rows, texts.gather(rows).str.replace_all(pattern, replacement))


def _replace_cards(texts: pl.Series) -> pl.Series:
    rows = texts.str.contains(CARD).arg_true()
    if not len(rows):
        return texts
    some = texts.gather(rows)
    found = some.str.extract_all(CARD).explode().unique()
    cards = found.filter(is_card(found)).to_list()
    if not cards:
        return texts
    return texts.scatter(rows, some.str.replace_many(cards, ["[card]"]))


def _truncate_ipv6(texts: pl.Series) -> pl.Series:
    rows = texts.str.contains(_SOME_IPV6).arg_true()
    if not len(rows):
        return texts
    some = texts.gather(rows)
    found = some.str.extract_all(IPV6).explode().drop_nulls().unique().to_list()
    networks = {text: network for text in found if (network := network_of_ipv6(text))}
    if not networks:
        return texts
    # Of two addresses that begin alike the longer one must be found first.
    longest = sorted(networks, key=len, reverse=True)
    replaced = some.str.replace_many(longest, [networks[text] for text in longest], leftmost=True)
    return texts.scatter(rows, replaced)


def redaction_of(kinds: str, patterns: Mapping[str, str]) -> Redaction:
    """A redaction from settings: kinds separated by commas, or `none`.

    Raises ValueError naming the kind or expression that is wrong.
    """
    names = frozenset(name.strip() for name in kinds.split(",") if name.strip())
    names = frozenset() if names == {"none"} else names
    if unknown := names - set(KINDS):
        raise ValueError(f"must be of {', '.join(KINDS)} or none, got {sorted(unknown)[0]!r}")
    for name, pattern in patterns.items():
        try:
            pl.Series([""]).str.contains(pattern)
        except pl.exceptions.PolarsError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{name} must be an expression: {reason}") from error
    return Redaction(names, tuple(patterns.items()))
