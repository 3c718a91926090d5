"""Notebooks as pages of the documentation: run on two days of simulated traffic, then rendered.

`make docs` runs them by `python tools/notebook_pages.py`; the build takes the outputs from there. A
build without that run, or after a notebook has changed, shows its cells without outputs.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs

from vigil.config import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXECUTED = ROOT / "data" / "local" / "notebooks"
CELL_TIMEOUT_S = 300
# Plotly is one file for all pages; by themselves figures would load it, and more, from elsewhere.
PLOTLY_FILE = "plotly.min.js"
_FROM_ELSEWHERE = re.compile(r"<script[^>]*(?: src=|>import )\"https://[^<]*</script>")
# A widget is drawn by a running notebook; its picture stands for it.
_WIDGET = "application/vnd.jupyter.widget-view+json"
_WIDGET_PICTURE = '<img src="../images/label-widget.png" alt="The widget in a running notebook">'
# JupyterLab's look without what it would load from elsewhere, and a way back.
_TEMPLATE = """
{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}<script src="PLOTLY"></script>{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block body_header -%}{{ super() }}<p><a href="../notebooks.html">← Notebooks</a></p>
{%- endblock -%}
""".replace("PLOTLY", PLOTLY_FILE)


def execute_all() -> None:
    """Run every notebook on an installation of its own, and keep it with its outputs."""
    shutil.rmtree(EXECUTED, ignore_errors=True)
    EXECUTED.mkdir(parents=True)
    home = EXECUTED / "home"
    settings = {"VIGIL_HOME": str(home), "VIGIL_WINDOW_S": "300", "VIGIL_STORE_URL": ""}
    _fill(settings)
    # Its messages would stand between ours.
    quiet = ["--Application.log_level=ERROR"]
    environment = os.environ | settings | {"PLOTLY_RENDERER": "notebook_connected"}
    for path in NOTEBOOKS:
        print(f"==> running {path.name}", flush=True)
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=CELL_TIMEOUT_S, startup_timeout=CELL_TIMEOUT_S, extra_arguments=quiet
        )
        client.execute(cwd=str(ROOT), env=environment)
        nbformat.write(notebook, EXECUTED / path.name)
    shutil.rmtree(home)


def _fill(settings: dict[str, str]) -> None:
    """Two days and a bit of thin traffic, with faults in the later half."""
    vigil = Path(sys.executable).parent / "vigil"
    plan = ("--start", "2026-03-02", "--hours", "54", "--traces-per-s", "0.5")
    simulate = ("simulate", *plan, "--faults", "5", "--seed", "5", "--to-log")
    for command in (simulate, ("score", "--drain", "--quiet")):
        environment = os.environ | settings
        subprocess.run([vigil, *command], env=environment, check=True, stdout=subprocess.DEVNULL)


def executed(path: Path) -> NotebookNode | None:
    """The notebook with its outputs; None where it has not been run as it is now."""
    kept = EXECUTED / path.name
    if not kept.exists():
        return None
    found, source = nbformat.read(kept, as_version=4), nbformat.read(path, as_version=4)
    same = [cell.source for cell in found.cells] == [cell.source for cell in source.cells]
    return found if same else None


def notebook_files() -> dict[str, str]:
    """Place in the site → content: a page a notebook, what they load, and the list of them."""
    exporter = HTMLExporter(template_name="lab", raw_template=_TEMPLATE)
    lines = ["# Notebooks", "", "`make lab` opens them. Each is shown with what it gives", ""]
    files = {f"notebooks/{PLOTLY_FILE}": get_plotlyjs()}
    ran = True
    for path in NOTEBOOKS:
        notebook = executed(path)
        ran = ran and notebook is not None
        notebook = notebook or nbformat.read(path, as_version=4)
        _picture_widgets(notebook)
        page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
        files[f"notebooks/{path.stem}.html"] = _FROM_ELSEWHERE.sub("", page)
        title, _, about = notebook.cells[0].source.partition("\n")
        first = about.strip().partition("\n\n")[0].replace("\n", " ")
        lines += [f"- [{title.lstrip('# ')}](notebooks/{path.stem}.html): {first}"]
    where = "on two days of simulated traffic." if ran else "once `make docs` has run them."
    lines[2] = f"{lines[2]} {where}"
    return {**files, "notebooks.md": "\n".join([*lines, ""])}


def _picture_widgets(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if _WIDGET in output.get("data", {}):
                output.data = {"text/html": _WIDGET_PICTURE}


if __name__ == "__main__":
    execute_all()
