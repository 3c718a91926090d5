"""Tables for notebooks: they follow the page's colours, so that dark and light both read well."""

import jinja2
import polars as pl

_STYLE = """
<style>
.vigil table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.vigil td,.vigil th{padding:.2em .7em;text-align:left;border-bottom:1px solid #8884;
 max-width:28em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.vigil td.n{text-align:right}.vigil .null{opacity:.5}
</style>
"""

_PREVIEW = jinja2.Template(
    _STYLE
    + """<div class="vigil"><strong>{{ what }}</strong> · {{ "{:,}".format(count) }} rows
{%- if count > rows|length %}, the first {{ rows|length }} shown{% endif %}
<table><thead><tr>{% for name in columns %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}
<td{% if cell.number %} class="n"{% endif %}{% if cell.full %} title="{{ cell.full }}"{% endif %}>
{%- if cell.text is none %}<span class="null">–</span>{% else %}{{ cell.text }}{% endif %}</td>
{%- endfor %}</tr>{% endfor %}</tbody></table></div>""",
    autoescape=True,
)

_CLIENT = jinja2.Template(
    _STYLE
    + """<div class="vigil"><strong>Vigil</strong> · {{ home }}
<table><tbody>{% for name, value in facts.items() %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</tbody></table></div>""",
    autoescape=True,
)

_LONG = 60


def preview_html(what: str, count: int, frame: pl.DataFrame) -> str:
    """The first rows of a selection as an HTML table; text is escaped."""
    rows = [[_cell(value) for value in row] for row in frame.iter_rows()]
    return _PREVIEW.render(what=what, count=count, columns=frame.columns, rows=rows)


def client_html(home: str, facts: dict[str, str]) -> str:
    """What a client is connected to."""
    return _CLIENT.render(home=home, facts=facts)


def _cell(value: object) -> dict[str, object]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = _text(value)
    return {"text": text, "number": number, "full": text if text and len(text) > _LONG else None}


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else str(value)
