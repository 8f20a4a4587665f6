"""Each template of .dvc/plots/ draws a small table as it should, in a browser, for one revision and
for two.
"""

from pathlib import Path

import pandas as pd
import pytest
from browser import Browser, Chart
from conftest import ROOT
from dvc_render import VegaRenderer, render_html

from tools.plots_page import PAGE

RUNS = [("torch", "cnn"), ("tf", "cnn"), ("scratch", "mlp_sigmoid")]
NAMES = ["torch cnn", "tf cnn", "scratch mlp_sigmoid"]
BLACK_DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="

# For each template x and y as in dvc.yaml, the columns beside framework and run, and what these
# hold for each run.
TABLES = {
    "learning_curves": (
        "epoch", "value", "epoch,split,measure,value",
        [(epoch, split, *measured) for epoch in (1, 2) for split in ("train", "validation")
         for measured in (("loss", 0.5 / epoch), ("accuracy", 1 - 0.1 / epoch))],
    ),
    "confusion_matrices": (
        "predicted", "true", "true,predicted,true_label,predicted_label,count,share",
        [("a", "a", 0, 0, 9, 0.9), ("a", "b", 0, 1, 1, 0.1), ("b", "a", 1, 0, 0, 0), ("b", "b", 1, 1, 10, 1)],
    ),
    "accuracy_per_class": ("class", "accuracy", "class,accuracy", [("a", 0.9), ("b", 0.95)]),
    "accuracy_against_time": ("train_seconds", "accuracy", "train_seconds,accuracy,accuracy_low,accuracy_high", [(5, 0.9, 0.85, 0.93)]),
    "reliability": (
        "confidence", "accuracy", "n_samples,confidence,accuracy,accuracy_low,accuracy_high",
        [(10, 0.45, 0.5, 0.3, 0.7), (100, 0.95, 0.9, 0.8, 0.97)],
    ),
    "mistakes": (
        "rank", "run", "rank,sample,true,predicted,confidence,image",
        [(1, 7, "a", "b", 0.99, BLACK_DOT), (2, 8, "b", "a", 0.9, BLACK_DOT)],
    ),
}  # fmt: skip
COMPARISONS = pd.DataFrame(
    [
        ("torch cnn", "tf cnn", 3, 4, 1, 1, False, 0.993),
        ("torch cnn", "scratch mlp_sigmoid", 30, 4, 7e-6, 2e-5, True, 0.966),
        ("tf cnn", "scratch mlp_sigmoid", 20, 9, 0.02, 0.04, True, 0.971),
    ],
    columns=[
        "first",
        "second",
        "only_first_right",
        "only_second_right",
        "p_value",
        "p_holm",
        "different",
        "agreement",
    ],
)


def draw(template: str, revisions: list[str], browser: Browser, folder: Path) -> Chart:
    """Draw the template's small table as DVC does, a copy for each revision, and return the chart;
    assert that the browser has nothing to say.
    """
    if template == "comparisons":
        table, x, y = COMPARISONS, "first", "second"
    else:
        x, y, columns, rows = TABLES[template]
        table = pd.DataFrame(
            [(*run, *row) for run in RUNS for row in rows],
            columns=["framework", "run", *columns.split(",")],
        )
    # Strings: so does DVC.
    points = [
        row | {"rev": revision}
        for revision in revisions
        for row in table.astype(str).to_dict("records")
    ]
    renderer = VegaRenderer(
        points, "small", template=template, template_dir=str(ROOT / ".dvc/plots"), x=x, y=y
    )
    opened = browser.open(
        Path(render_html([renderer], folder / "page.html", html_template=ROOT / PAGE))
    )
    assert opened.logged == []
    (chart,) = browser.charts().values()
    return chart


def counts(chart: Chart) -> dict[str, int]:
    return {kind: chart.count(kind) for kind in sorted({mark.kind for mark in chart.marks})}


# Three runs. Texts and symbols or rules of the legends are marks too: three of each, and with two
# revisions two of each more.
@pytest.mark.parametrize(
    ("template", "one", "two"),
    [
        (
            "learning_curves",
            {"line": 12, "symbol": 24, "rule": 3, "text": 3},
            {"line": 24, "symbol": 48, "rule": 5, "text": 5},
        ),
        ("confusion_matrices", {"rect": 15, "text": 9}, {"rect": 30, "text": 18}),
        # No rule where both revisions are the same.
        ("accuracy_per_class", {"symbol": 9, "text": 3}, {"symbol": 17, "text": 5}),
        (
            "accuracy_against_time",
            {"symbol": 6, "rule": 3, "text": 3},
            {"symbol": 11, "rule": 6, "text": 5},
        ),
        (
            "reliability",
            {"line": 3, "rule": 6, "symbol": 6},
            {"line": 3, "rule": 12, "symbol": 14, "text": 2},
        ),
        ("mistakes", {"image": 6, "text": 18}, {"image": 12, "text": 36}),
        ("comparisons", {"rect": 3, "text": 3}, {"rect": 6, "text": 6}),
    ],
)
def test_every_row_is_drawn_and_every_revision(browser, tmp_path, template, one, two):
    alone = draw(template, ["workspace"], browser, tmp_path)
    assert counts(alone) == one
    assert not any("workspace" in text for text in alone.texts)
    assert (
        all(any(name in text for text in alone.texts) for name in NAMES)
        or template == "comparisons"
    )
    both = draw(template, ["workspace", "slower"], browser, tmp_path)
    assert counts(both) == two
    assert all(any(revision in text for text in both.texts) for revision in ("workspace", "slower"))


def test_all_templates_are_tested():
    assert {path.stem for path in (ROOT / ".dvc/plots").glob("*.json")} == {*TABLES, "comparisons"}


@pytest.mark.parametrize(
    "template", ["learning_curves", "accuracy_per_class", "accuracy_against_time"]
)
def test_click_on_a_run_in_the_legend_isolates_it_and_a_double_click_shows_all_again(
    browser, tmp_path, template
):
    draw(template, ["workspace"], browser, tmp_path)
    browser.click("small", "tf cnn")
    marks = browser.charts()["small"].marks
    assert {mark.opacity for mark in marks if mark.name == "tf cnn"} == {1}
    assert all(mark.opacity <= 0.3 for mark in marks if mark.name != "tf cnn")
    browser.double_click("small", "tf cnn")
    assert {mark.opacity for mark in browser.charts()["small"].marks} == {1}


def test_chart_that_cannot_be_drawn_says_so(browser, tmp_path):
    (tmp_path / "broken.json").write_text(
        '{"data": {"values": "<DVC_METRIC_DATA>"}, "mark": "no such mark"}'
    )
    renderer = VegaRenderer([{"x": 1}], "broken", template="broken", template_dir=str(tmp_path))
    opened = browser.open(
        Path(render_html([renderer], tmp_path / "page.html", html_template=ROOT / PAGE))
    )
    assert len(opened.logged) == 1
    assert "Uncaught" in opened.logged[0]
    assert "This plot could not be drawn" in browser.run(
        "return document.querySelector('main').textContent"
    )


def test_request_that_leaves_the_machine_is_seen(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        '<img src="https://example.org/digit.png"><script>throw Error("thrown")</script>'
    )
    opened = browser.open(tmp_path / "page.html")
    assert opened.requested[1:] == ["https://example.org/digit.png"]
    assert any("thrown" in line for line in opened.logged)
