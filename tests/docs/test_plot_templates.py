"""Each template of .dvc/plots/ draws a small table, in a browser, for one revision and for two."""

from pathlib import Path

import pandas as pd
import pytest
from dvc_render import VegaRenderer, render_html

from tests.support.browser import Browser, Chart, set_font
from tests.support.paths import ROOT
from tools.plots_page import PAGE

TEMPLATES = ROOT / ".dvc/plots"
RUNS = [("torch", "cnn"), ("tf", "cnn"), ("scratch", "mlp_sigmoid")]
NAMES = ["torch cnn", "tf cnn", "scratch mlp_sigmoid"]
BLACK_DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="

# For each template: x and y as in dvc.yaml, the columns beside framework and run, and the rows that
# every run has.
CURVES = [
    (600 * epoch, epoch, split, measure, value / epoch)
    for epoch in (1, 2)
    for split in ("train", "validation")
    for measure, value in (("loss", 0.5), ("accuracy", 0.8))
]
CONFUSIONS = [
    ("a", "a", 0, 0, 9, 0.9),
    ("a", "b", 0, 1, 1, 0.1),
    ("b", "a", 1, 0, 0, 0),
    ("b", "b", 1, 1, 10, 1),
]
TABLES = {
    "learning_curves": (
        "images_seen",
        "value",
        "images_seen,epoch,split,measure,value",
        CURVES,
    ),
    "confusion_matrices": (
        "predicted",
        "true",
        "true,predicted,true_label,predicted_label,count,share",
        CONFUSIONS,
    ),
    "accuracy_per_class": ("class", "accuracy", "class,accuracy", [("a", 0.9), ("b", 0.95)]),
    "accuracy_against_time": (
        "train_seconds",
        "accuracy",
        "train_seconds,accuracy,accuracy_low,accuracy_high",
        [(5, 0.9, 0.85, 0.93)],
    ),
    "reliability": (
        "confidence",
        "accuracy",
        "n_samples,confidence,accuracy,accuracy_low,accuracy_high",
        [(10, 0.45, 0.5, 0.3, 0.7), (100, 0.95, 0.9, 0.8, 0.97)],
    ),
    "mistakes": (
        "rank",
        "run",
        "rank,sample,true,predicted,confidence,image",
        [(1, 7, "a", "b", 0.99, BLACK_DOT), (2, 8, "b", "a", 0.9, BLACK_DOT)],
    ),
}
PAIR_COLUMNS = "first,second,only_first_right,only_second_right,p_value,p_holm,different,agreement"
PAIRS = [
    ("torch cnn", "tf cnn", 3, 4, 1, 1, False, 0.993),
    ("scratch mlp_sigmoid", "torch cnn", 4, 30, 7e-6, 2e-5, True, 0.966),
    ("tf cnn", "scratch mlp_sigmoid", 20, 9, 0.02, 0.04, True, 0.971),
]


def make_table(template: str) -> tuple[pd.DataFrame, str, str]:
    """Return the template's small table, and its x and y."""
    if template == "comparisons":
        return pd.DataFrame(PAIRS, columns=PAIR_COLUMNS.split(",")), "first", "second"
    x, y, columns, rows = TABLES[template]
    all_rows = [(*run, *row) for run in RUNS for row in rows]
    return pd.DataFrame(all_rows, columns=["framework", "run", *columns.split(",")]), x, y


def render(template: str, revisions: list[str], folder: Path) -> Path:
    """Return the page that DVC makes of the template's small table, with a copy per revision."""
    table, x, y = make_table(template)
    rows = table.astype(str).to_dict("records")  # DVC, too, hands all values on as strings
    points = [row | {"rev": revision} for revision in revisions for row in rows]
    renderer = VegaRenderer(points, "small", template=template, template_dir=TEMPLATES, x=x, y=y)
    return Path(render_html([renderer], folder / "page.html", html_template=ROOT / PAGE))


def draw(page: Path, browser: Browser) -> Chart:
    """Open the page and return its only chart; assert that the browser has nothing to say."""
    opened = browser.open(page)
    assert opened.logged == []
    (chart,) = browser.charts().values()
    return chart


def counts(chart: Chart) -> dict[str, int]:
    return {kind: chart.count(kind) for kind in sorted({mark.kind for mark in chart.marks})}


# Three runs. The legends' texts, symbols and rules are marks too: three of each, and with two
# revisions two of each more.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "one", "two"),
    [
        (
            "learning_curves",
            {"line": 12, "symbol": 24, "rule": 3, "text": 3},
            {"line": 24, "symbol": 48, "rule": 5, "text": 5},
        ),
        ("confusion_matrices", {"rect": 15, "text": 9}, {"rect": 30, "text": 18}),
        # There is no rule where both revisions are equal.
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
    alone = draw(render(template, ["workspace"], tmp_path), browser)
    assert counts(alone) == one
    assert not any("workspace" in text for text in alone.texts)
    both = draw(render(template, ["workspace", "slower"], tmp_path), browser)
    assert counts(both) == two
    assert all(any(revision in text for text in both.texts) for revision in ("workspace", "slower"))


@pytest.mark.slow
@pytest.mark.parametrize("font", ["sans-serif", "monospace"])
@pytest.mark.parametrize("template", TABLES)
def test_every_run_is_named_in_full_in_any_font(browser, tmp_path, template, font):
    page = render(template, ["workspace"], tmp_path)
    set_font(page, font)
    texts = draw(page, browser).texts
    assert all(any(name in text for text in texts) for name in NAMES)
    assert not [text for text in texts if "…" in text]


@pytest.mark.slow
def test_comparisons_are_a_triangle_in_the_order_of_the_runs(browser, tmp_path):
    """The pair that the table has the other way round is turned, with its counts."""
    texts = draw(render("comparisons", ["workspace"], tmp_path), browser).texts
    assert {"3 : 4", "30 : 4", "20 : 9"} <= set(texts)
    assert [text for text in texts if text in NAMES] == ["tf cnn", "scratch mlp_sigmoid"]  # rows
    # The columns' labels have a line for each word.
    labels = [name.replace(" ", "") for name in NAMES]
    assert [text for text in texts if text in labels] == ["torchcnn", "tfcnn"]


def test_all_templates_are_tested():
    assert {path.stem for path in TEMPLATES.glob("*.json")} == {*TABLES, "comparisons"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "template", ["learning_curves", "accuracy_per_class", "accuracy_against_time"]
)
def test_click_in_the_legend_isolates_a_run(browser, tmp_path, template):
    draw(render(template, ["workspace"], tmp_path), browser)
    browser.click("small", "tf cnn")
    marks = browser.charts()["small"].marks
    assert {mark.opacity for mark in marks if mark.name == "tf cnn"} == {1}
    assert all(mark.opacity <= 0.3 for mark in marks if mark.name != "tf cnn")
    browser.double_click("small", "tf cnn")
    assert {mark.opacity for mark in browser.charts()["small"].marks} == {1}


@pytest.mark.slow
def test_chart_that_cannot_be_drawn_says_so(browser, tmp_path):
    broken = '{"data": {"values": "<DVC_METRIC_DATA>"}, "mark": "no such mark"}'
    (tmp_path / "broken.json").write_text(broken)
    renderer = VegaRenderer([{"x": 1}], "broken", template="broken", template_dir=tmp_path)
    page = Path(render_html([renderer], tmp_path / "page.html", html_template=ROOT / PAGE))
    opened = browser.open(page)
    assert len(opened.logged) == 1
    assert "Uncaught" in opened.logged[0]
    text = browser.run("return document.querySelector('main').textContent")
    assert "This plot could not be drawn" in text
