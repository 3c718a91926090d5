"""Tables show values as they are."""

from vigil.cli.output import print_facts, print_table


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
