"""`digits draw`: what its server answers and refuses, and its page, drawn on in a browser."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from digits.commands.draw import MAX_BYTES, PAGE, load_models, make_app
from digits.pictures.mnist_form import to_mnist_form
from tests.support.environment import ENVIRONMENT
from tests.support.pages import check_loads_nothing_from_elsewhere
from tests.support.paper import FIVE, ONE_ONE, SEVEN, Stroke, as_file, write_strokes
from tests.support.paths import ROOT

ANGLES = np.linspace(0, 2 * np.pi, 24)
ZERO: list[Stroke] = [
    [(0.5 + 0.16 * np.cos(angle), 0.5 + 0.25 * np.sin(angle)) for angle in ANGLES]
]
PNG = {"content_type": "image/png"}
NAMES = ["scratch/mlp", "scratch/mlp_short"]


@pytest.fixture(scope="module")
def client(models):
    return make_app(load_models(models)).test_client()


def test_every_model_answers_with_the_probabilities_of_its_classes(client):
    response = client.post("/classify", data=as_file(write_strokes(ZERO)).read(), **PNG).get_json()
    assert np.array_equal(response["image"], to_mnist_form(write_strokes(ZERO).convert("RGB")))
    assert [answer["model"] for answer in response["answers"]] == NAMES
    for answer in response["answers"]:
        assert answer["classes"] == list("0123456789")
        # Each is rounded to four digits.
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-3)
        assert int(np.argmax(answer["probabilities"])) == 0


@pytest.mark.parametrize(
    ("strokes", "fault"), [([], "is blank"), (ONE_ONE, "has 2 separate glyphs")]
)
def test_a_drawing_without_a_single_digit_gets_its_fault(client, strokes, fault):
    data = as_file(write_strokes(strokes)).read()
    answer = client.post("/classify", data=data, **PNG).get_json()
    assert answer["fault"].startswith(f"The drawing {fault}")


POST = {"path": "/classify", "method": "POST", **PNG}
CUT_OFF = as_file(write_strokes(ZERO)).getvalue()[:500]
JPEG = as_file(write_strokes(ZERO), "jpeg").getvalue()
TEXT = {"data": b"a=b", "content_type": "text/plain"}
ELSEWHERE = {"headers": {"Host": "attacker.example:8000"}}


@pytest.mark.parametrize(
    ("asked", "status", "line"),
    [
        (POST | {"data": b""}, 400, "the drawing is not an image"),
        (POST | {"data": CUT_OFF}, 400, "the drawing is damaged or cut off"),
        (POST | {"data": JPEG}, 400, "the drawing is not an image; expected PNG\n"),
        (POST | TEXT, 400, "the drawing's type is 'text/plain'; expected image/png"),
        (POST | {"data": bytes(MAX_BYTES + 1)}, 413, ""),
        ({"path": "/classify"}, 405, ""),
        ({"path": "/draw.py"}, 404, ""),
        ({"path": "/"} | ELSEWHERE, 400, "Host 'attacker.example"),
        (POST | {"data": b""} | ELSEWHERE, 400, "Host 'attacker.example"),
    ],
)
def test_a_bad_request_gets_one_line(client, asked, status, line):
    response = client.open(**asked)
    assert response.status_code == status
    assert response.text.startswith(line)
    assert len(response.text.splitlines()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1234", "localhost"])
def test_the_page_is_served_under_the_names_of_this_machine(client, host):
    with client.get("/", headers={"Host": host}) as response:
        assert response.data == PAGE.read_bytes()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.0.2.7:8000", 200),
        ("[2001:db8::7]:8000", 200),
        ("Lab.Example:8000", 200),
        ("attacker.example", 400),
        ("192.0.2.7.attacker.example", 400),
        ("[", 400),
    ],
)
def test_on_request_other_machines_reach_it_under_its_addresses_and_trusted_names(
    models, host, status
):
    app = make_app(load_models(models), ["lab.example"], any_address=True)
    with app.test_client().get("/", headers={"Host": host}) as response:
        assert response.status_code == status


@pytest.mark.parametrize("host", ["192.0.2.7", "[::1]", "127.0.0.1.attacker.example"])
def test_by_default_it_is_served_under_no_other_address(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["192.0.2.7", "nowhere.invalid"])
def test_an_address_of_another_machine_is_refused(models, host):
    words = ["draw", "--port", "0", "--host", host, "--models", str(models)]
    command = [sys.executable, "-m", "digits", *words]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    line = f"error: --host is {host!r}; expected an address of this machine, or 0.0.0.0\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_the_page_loads_nothing_from_elsewhere():
    check_loads_nothing_from_elsewhere(PAGE.read_text())
    assert "://" not in PAGE.read_text()


PARAMS = """
train_torch: {mlp: {}, cnn: {}}
train_tf: {}
train_scratch: {mlp: {}}
"""


@pytest.fixture
def checkout(tmp_path, models, monkeypatch):
    """A folder with a params.yaml, which has two of three runs trained and another one removed."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    for run in ("torch/mlp", "scratch/mlp", "scratch/removed"):
        shutil.copytree(models / "scratch/mlp", tmp_path / "models" / run)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_checkout_the_runs_of_params_yaml_answer(checkout, capsys):
    assert list(load_models()) == ["scratch/mlp", "torch/mlp"]
    assert capsys.readouterr().err == "not trained yet: torch/cnn; run `make run`\n"


def test_every_model_of_a_named_folder_answers(checkout, capsys):
    names = ["scratch/mlp", "scratch/removed", "torch/mlp"]
    assert list(load_models(checkout / "models")) == names
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [[], ["--models", "elsewhere"]])
def test_without_models_one_line_says_what_to_run(words, tmp_path, monkeypatch, run_digits):
    monkeypatch.chdir(tmp_path)
    folder = words[-1] if words else "models"
    complaint = f"error: {folder} has no trained model; run `make run`, or see --models\n"
    assert run_digits("draw", *words, status=1) == ("", complaint)


def test_a_port_out_of_range_is_refused(run_digits):
    complaint = "error: --port is 65536; expected 0 to 65535\n"
    assert run_digits("draw", "--port", 65536, status=1) == ("", complaint)


@contextmanager
def serve(models: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `digits draw`; yield its process and its address."""
    words = ["draw", "--port", "0", "--models", str(models)]
    with subprocess.Popen(
        [sys.executable, "-m", "digits", *words],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        line = server.stdout.readline()
        expected = r"serving 2 models on (http://127\.0\.0\.1:\d+); stop with Ctrl-C\n"
        yield server, re.fullmatch(expected, line)[1]
        server.terminate()


@pytest.fixture(scope="module")
def address(models) -> Iterator[str]:
    with serve(models) as (_, address):
        yield address


def test_a_port_in_use_is_named(address, models):
    words = ["draw", "--port", address.rpartition(":")[2], "--models", str(models)]
    command = [sys.executable, "-m", "digits", *words]
    # A process of its own: waitress leaves a pipe to the garbage collector.
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    line = f"error: port {words[2]} is in use; choose another with --port\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


class Shown(NamedTuple):
    verdict: str
    answers: dict[str, str]  # what each model says and how sure it is, by model
    heights: list[list[float]]  # of each model's bars, as shares of their tracks
    seen: np.ndarray  # uint8 (28, 28)


SHOWN = """
const seen = document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data;
const cards = [...document.querySelectorAll('#answers li')];
const text = (element, name) => element.querySelector(name).textContent;
const height = bar => bar.offsetHeight / bar.parentNode.offsetHeight;
return [
    text(document, '#verdict'),
    cards.map(card => [text(card, '.model'), text(card, '.best')]),
    cards.map(card => [...card.querySelectorAll('.bar')].map(height)),
    [...seen].filter((_, i) => i % 4 === 0),
];
"""


def shown(browser) -> Shown:
    """Wait until the page has its answer to all that is drawn, and return what it shows."""
    end = time.monotonic() + 30
    while browser.run("return isAsking || isStale"):
        assert time.monotonic() < end, "the page waits for an answer"
        time.sleep(0.05)
    verdict, answers, heights, seen = browser.run(SHOWN)
    return Shown(verdict, dict(answers), heights, np.array(seen, np.uint8).reshape(28, 28))


def draw(browser, strokes: list[Stroke]) -> None:
    """Draw with the mouse."""
    field = browser.driver.find_element("id", "drawing")
    side = field.size["width"]
    for stroke in strokes:
        offsets = [(round(side * (x - 0.5)), round(side * (y - 0.5))) for x, y in stroke]
        actions = (
            ActionChains(browser.driver, duration=10)
            .move_to_element_with_offset(field, *offsets[0])
            .click_and_hold()
        )
        for offset in offsets[1:]:
            actions.move_to_element_with_offset(field, *offset)
        actions.release().perform()


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two images' pixels."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def draw_with_a_finger(browser, stroke: Stroke) -> None:
    box = browser.run(
        "const box = drawing.getBoundingClientRect(); return [box.left, box.top, box.width]"
    )
    places = [{"x": box[0] + box[2] * x, "y": box[1] + box[2] * y} for x, y in stroke]
    for kind, points in [
        ("touchStart", places[:1]),
        *(("touchMove", [place]) for place in places[1:]),
        ("touchEnd", []),
    ]:
        browser.driver.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )


@pytest.mark.slow
def test_drawing_is_answered_by_every_model_and_shown_as_the_networks_see_it(browser, address):
    opened = browser.open(address)
    draw(browser, ZERO)
    page = shown(browser)
    assert page.verdict == "All 2 models say 0."
    assert list(page.answers) == ["scratch mlp", "scratch mlp_short"]
    for (name, words), heights in zip(page.answers.items(), page.heights, strict=True):
        digit, confidence = re.fullmatch(r"(\d) (\d+\.\d) %", words).groups()
        assert digit == "0", name
        assert len(heights) == 10
        assert int(np.argmax(heights)) == 0
        # Bars are whole pixels, of 48.
        assert heights[0] == pytest.approx(float(confidence) / 100, abs=0.03)
    expected = to_mnist_form(write_strokes(ZERO, width=26 / 400).convert("RGB"))
    # The centre of a zero lies between two pixels. The last bit decides which of them it moves to.
    shifts = product((-1, 0, 1), repeat=2)
    assert max(similarity(page.seen, np.roll(expected, by, axis=(0, 1))) for by in shifts) > 0.9
    assert all(request.startswith(address) for request in opened.requested)
    assert opened.logged == []
    assert browser.driver.get_log("browser") == []


@pytest.mark.slow
def test_answer_follows_each_stroke_and_clear_takes_all_away(browser, address):
    browser.open(address)
    assert shown(browser).verdict == "Nothing is drawn yet."
    draw(browser, ONE_ONE[:1])
    assert shown(browser).answers
    draw(browser, ONE_ONE[1:])
    page = shown(browser)
    assert (page.verdict, page.answers) == (
        "The drawing has 2 separate glyphs; expected one digit.",
        {},
    )
    browser.driver.find_element("id", "clear").click()
    assert shown(browser).verdict == "Nothing is drawn yet."
    # Nothing is left of what was drawn before: the five has its bar, and no ones.
    draw(browser, FIVE)
    page = shown(browser)
    assert page.answers
    expected = to_mnist_form(write_strokes(FIVE, width=26 / 400).convert("RGB"))
    assert similarity(page.seen, expected) > 0.9


@pytest.mark.slow
def test_clear_is_reached_by_keyboard(browser, address):
    browser.open(address)
    draw(browser, SEVEN)
    assert shown(browser).answers
    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    assert browser.run("return document.activeElement.textContent") == "Clear"
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert shown(browser).verdict == "Nothing is drawn yet."


@pytest.fixture
def phone(browser) -> Iterator[None]:
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    yield
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


@pytest.mark.slow
def test_page_fits_a_phone_and_is_drawn_on_with_a_finger(browser, address, phone):
    browser.open(address)
    draw_with_a_finger(browser, ZERO[0])
    assert shown(browser).verdict == "All 2 models say 0."
    assert browser.run(
        "return [window.innerWidth, document.documentElement.scrollWidth, window.scrollY]"
    ) == [360, 360, 0]


BEFORE = """
const original = {
    getImageData: CanvasRenderingContext2D.prototype.getImageData,
    toDataURL: HTMLCanvasElement.prototype.toDataURL,
};
window.isBlocked = true;
const fill = {
    white: () => 255,
    noise: () => Math.floor(256 * Math.random()),
    grain: level => level + Math.round(4 * Math.random() - 2),
}[WHAT];
const spoil = image => {
    const isOpacity = i => i % 4 === 3;
    const change = (level, i) => image.data[i] = isOpacity(i) ? 255 : fill(level);
    if (window.isBlocked) image.data.forEach(change);
    return image;
};
if (HOW === 'getImageData') CanvasRenderingContext2D.prototype.getImageData = function (...box) {
    return spoil(original.getImageData.apply(this, box));
};
if (HOW === 'toDataURL') HTMLCanvasElement.prototype.toDataURL = function (...type) {
    const copy = document.createElement('canvas'), pen = copy.getContext('2d');
    copy.width = this.width;
    copy.height = this.height;
    const image = original.getImageData.call(this.getContext('2d'), 0, 0, this.width, this.height);
    pen.putImageData(spoil(image), 0, 0);
    return original.toDataURL.apply(copy, type);
};
if (HOW === 'refusal') HTMLCanvasElement.prototype.toDataURL = function (...type) {
    if (window.isBlocked) throw new DOMException('The operation is insecure.', 'SecurityError');
    return original.toDataURL.apply(this, type);
};
"""
BLOCKED = (
    "This browser blocks reading the canvas, as a protection against fingerprinting: allow it "
    "with the icon in the address bar and draw again, or use another browser."
)


@pytest.fixture
def spoil_reading(browser) -> Iterator[Callable[[str, str], None]]:
    """Call it as spoil_reading("getImageData", "white"): the pages opened after read this."""
    names = []

    def spoil(how: str, what: str) -> None:
        source = f"const HOW = {how!r}, WHAT = {what!r};{BEFORE}"
        added = browser.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": f"{{{source}}}"}
        )
        names.append(added["identifier"])

    yield spoil
    for name in names:
        browser.driver.execute_cdp_cmd(
            "Page.removeScriptToEvaluateOnNewDocument", {"identifier": name}
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("getImageData", "white"),
        ("getImageData", "noise"),
        ("toDataURL", "white"),
        ("toDataURL", "noise"),
        ("refusal", "white"),
    ],
)
def test_a_browser_that_blocks_reading_is_told_until_it_is_allowed(
    browser, address, spoil_reading, how, what
):
    spoil_reading(how, what)
    browser.open(address)
    wait_for_verdict(browser, BLOCKED)  # before anything is drawn
    draw(browser, ZERO)
    page = shown(browser)
    assert (page.verdict, page.answers) == (BLOCKED, {})
    browser.driver.find_element("id", "clear").click()
    wait_for_verdict(browser, BLOCKED)
    browser.run("window.isBlocked = false")
    draw(browser, ZERO)
    assert shown(browser).verdict == "All 2 models say 0."


@pytest.mark.slow
@pytest.mark.parametrize("how", ["getImageData", "toDataURL"])
def test_a_browser_that_changes_levels_a_little_is_not_taken_for_one_that_blocks(
    browser, address, spoil_reading, how
):
    spoil_reading(how, "grain")
    browser.open(address)
    draw(browser, ZERO)
    assert shown(browser).verdict == "All 2 models say 0."


def wait_for_verdict(browser, verdict: str) -> None:
    end = time.monotonic() + 30
    while (found := browser.run("return verdict.textContent")) != verdict:
        assert time.monotonic() < end, f"the page says {found!r}"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_stopped_server_is_told(browser, models):
    with serve(models) as (server, own_address):
        browser.open(own_address)
        server.terminate()
        server.wait()
        draw(browser, SEVEN)
        assert shown(browser).verdict == "The server does not answer; is it still running?"
