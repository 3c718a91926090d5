"""Which statement of a program wrote a log line: its source location, else its constant words."""

import polars as pl

WORDS = 8
# A logger's `Class#line` or `file.ext:line` names the statement exactly.
_LOCATION = r"(?:^|\s)([A-Za-z_$][\w.$]*[#:]\d{1,5})(?:\s|$)"
# A value with its name, such as `TraceID: *`, says nothing about the statement.
_NAMED_VALUE = r"\S+[:=] ?\* ?"
_LEVEL = r"(?i)\b(trace|debug|info|notice|warn|warning|error|severe|critical|fatal|panic)\b"


def log_statement(body: pl.Expr) -> pl.Expr:
    """A label that lines of the same statement share.

    Level and source location where the line has one; else the first words, those with a digit
    (numbers, ids, instants) replaced by `*`.
    """
    head = body.str.slice(0, 400)
    location = head.str.extract(_LOCATION)
    level = head.str.extract(_LEVEL).str.to_uppercase()
    masked = head.str.replace_all(r"\S*\d\S*", "*").str.replace_all(_NAMED_VALUE, "")
    words = masked.str.strip_chars(" *-\n").str.split(" ").list.head(WORDS).list.join(" ")
    return pl.coalesce(pl.concat_str(level, location, separator=" ", ignore_nulls=False), words)
