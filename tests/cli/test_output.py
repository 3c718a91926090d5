"""Tables show values as they are, and files are refused before the work."""

import pytest

from vigil.cli.files import PLOTS, OutFile
from vigil.cli.output import print_facts, print_table
from vigil.errors import InputError


def test_text_in_brackets_is_no_markup(capsys):
    """What redaction writes, and a path in brackets, stand in the table unchanged."""
    print_table("of [ip]", ("body [text]",), [("from [email] at [/orders]",)])
    print_facts("", {"[bold]": "[/api]"})
    shown = capsys.readouterr().out
    for text in ("of [ip]", "body [text]", "from [email] at [/orders]", "[bold]", "[/api]"):
        assert text in shown


def test_a_table_without_rows_is_said_in_a_line(capsys):
    """A head without a body looks as if something had been cut off."""
    print_table("Silences in force", ("silence", "until"), [])
    assert capsys.readouterr().out == "Silences in force: none\n"


def test_where_nothing_can_be_written_is_said_before_the_work(tmp_path):
    """No folder, a folder, a format that a plot cannot have."""
    plot = OutFile(PLOTS)
    assert plot.convert(str(tmp_path / "plot.PNG"), None, None) == tmp_path / "plot.PNG"
    with pytest.raises(InputError, match="there is no folder"):
        plot.convert(str(tmp_path / "nowhere" / "plot.png"), None, None)
    with pytest.raises(InputError, match="it is a folder"):
        plot.convert(str(tmp_path), None, None)
    with pytest.raises(InputError, match=r"plot.xyz must end in one of \.png, \.svg, \.pdf"):
        plot.convert(str(tmp_path / "plot.xyz"), None, None)
