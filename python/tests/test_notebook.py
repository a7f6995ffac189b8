from __future__ import annotations

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("sklearn")


def notebook() -> Path:
    here = Path(__file__).resolve().parent
    for path in (here.parent / "notebook.ipynb", here.parent.parent / "docs" / "notebook.ipynb"):
        if path.is_file():
            return path
    pytest.skip("docs/notebook.ipynb is not there")


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(tmp_path):
    book = nbformat.read(notebook(), as_version=4)
    assert sum(c.cell_type == "code" for c in book.cells) == 10
    assert not any(c.get("outputs") for c in book.cells), "the notebook is kept without outputs"
    nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3").execute()
    assert all(o.output_type != "error" for c in book.cells if c.cell_type == "code" for o in c.outputs)
    # Such as that the samples of a certificate have been seen before.
    assert "neither is a test" not in "".join(o.get("text", "") for c in book.cells if c.cell_type == "code" for o in c.outputs)
    assert os.listdir(tmp_path) in ([], ["answers.csv"])
