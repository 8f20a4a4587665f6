"""The page to draw on: what its server answers and refuses, and the page itself, drawn on in a
browser as a user would.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT, Clone
from paper import FIVE, ONE_ONE, SEVEN, Stroke, as_file, write_strokes
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from test_browser import check_loads_nothing_from_elsewhere

from digits.commands.draw import MAX_BYTES, PAGE, load_models, make_app
from digits.pictures.mnist_form import to_mnist_form

ZERO: list[Stroke] = [
    [
        (0.5 + 0.16 * np.cos(angle), 0.5 + 0.25 * np.sin(angle))
        for angle in np.linspace(0, 2 * np.pi, 24)
    ]
]
PNG = {"content_type": "image/png"}


@pytest.fixture(scope="module")
def client(models):
    return make_app(load_models(models)).test_client()


def test_every_model_answers_with_the_probabilities_of_its_classes(client):
    answer = client.post("/classify", data=as_file(write_strokes(ZERO)).read(), **PNG).get_json()
    assert np.array_equal(answer["image"], to_mnist_form(write_strokes(ZERO).convert("RGB")))
    assert [of_model["model"] for of_model in answer["answers"]] == [
        "scratch/mlp",
        "scratch/mlp_short",
    ]
    for of_model in answer["answers"]:
        assert of_model["classes"] == list("0123456789")
        # Each rounded to four digits.
        assert sum(of_model["probabilities"]) == pytest.approx(1, abs=1e-3)
        assert int(np.argmax(of_model["probabilities"])) == 0


@pytest.mark.parametrize(
    ("strokes", "fault"), [([], "is blank"), (ONE_ONE, "has 2 separate glyphs")]
)
def test_drawing_of_no_single_digit_is_told(client, strokes, fault):
    assert (
        client.post("/classify", data=as_file(write_strokes(strokes)).read(), **PNG)
        .get_json()["fault"]
        .startswith(f"The drawing {fault}")
    )


POST = {"path": "/classify", "method": "POST", **PNG}


@pytest.mark.parametrize(
    ("request_of", "status", "line"),
    [
        (POST | {"data": b""}, 400, "the drawing is no picture"),
        (
            POST | {"data": as_file(write_strokes(ZERO)).getvalue()[:500]},
            400,
            "the drawing is damaged or cut off",
        ),
        (
            POST | {"data": b"a=b", "content_type": "text/plain"},
            400,
            "the drawing is text/plain; expected image/png",
        ),
        (POST | {"data": bytes(MAX_BYTES + 1)}, 413, ""),
        ({"path": "/classify"}, 405, ""),
        ({"path": "/demo.py"}, 404, ""),
        (
            {"path": "/", "headers": {"Host": "attacker.example"}},
            400,
            "Host 'attacker.example' is not trusted",
        ),
        (
            POST | {"data": b"", "headers": {"Host": "attacker.example:8000"}},
            400,
            "Host 'attacker.example",
        ),
    ],
)
def test_bad_request_gets_one_line(client, request_of, status, line):
    response = client.open(**request_of)
    assert response.status_code == status
    assert response.text.startswith(line)
    assert len(response.text.splitlines()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1234", "localhost"])
def test_page_is_served_under_the_names_of_this_machine(client, host):
    with client.get("/", headers={"Host": host}) as response:
        assert response.data == PAGE.read_bytes()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_page_loads_nothing_from_elsewhere():
    check_loads_nothing_from_elsewhere(PAGE.read_text())
    assert "://" not in PAGE.read_text()


def test_without_models_one_line_says_what_to_run(tmp_path):
    printed = Clone(tmp_path).run(
        sys.executable, "-m", "digits.commands.draw", status=1, PYTHONPATH=str(ROOT)
    )
    assert printed == "error: models: has no trained model; run `make run`\n"


@contextmanager
def serve(models: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """Run `python -m digits.commands.draw`; yield its process and its address."""
    command = [sys.executable, "-m", "digits.commands.draw", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=models.parent,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield (
            server,
            re.fullmatch(
                r"2 models answer on (http://127\.0\.0\.1:\d+); stop with Ctrl-C\n",
                server.stdout.readline(),
            )[1],
        )
        server.terminate()


@pytest.fixture(scope="module")
def address(models) -> Iterator[str]:
    with serve(models) as (_, address):
        yield address


def test_a_port_that_is_taken_is_told(address, models):
    port = address.rpartition(":")[2]
    printed = Clone(models.parent).run(
        sys.executable, "-m", "digits.commands.draw", "--port", port, status=1, PYTHONPATH=str(ROOT)
    )
    assert (
        printed
        == f"error: port {port} cannot be had: Address already in use; choose another, as in --port 8001\n"
    )


class Shown(NamedTuple):
    verdict: str
    answers: dict[str, str]  # what each model says and how sure it is, by model
    heights: list[list[float]]  # of each model's bars, as shares of their tracks
    seen: np.ndarray  # uint8 (28, 28)


SHOWN = """
const seen = document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data;
const cards = [...document.querySelectorAll('#answers li')];
return [document.getElementById('verdict').textContent,
    cards.map(card => [card.querySelector('.model').textContent, card.querySelector('.best').textContent]),
    cards.map(card => [...card.querySelectorAll('.bar')].map(bar => bar.offsetHeight / bar.parentNode.offsetHeight)),
    [...seen].filter((_, i) => i % 4 === 0)]
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
    # The centre of a zero lies between two pixels: the last bit decides which of them it is moved
    # to.
    shifted = [
        np.roll(expected, (down, right), axis=(0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)
    ]
    assert max(np.corrcoef(page.seen.ravel(), digit.ravel())[0, 1] for digit in shifted) > 0.9
    assert all(request.startswith(address) for request in opened.requested)
    assert opened.logged == []
    assert browser.driver.get_log("browser") == []


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
    assert (
        np.corrcoef(
            page.seen.ravel(),
            to_mnist_form(write_strokes(FIVE, width=26 / 400).convert("RGB")).ravel(),
        )[0, 1]
        > 0.9
    )


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


def test_page_fits_a_phone_and_is_drawn_on_with_a_finger(browser, address, phone):
    browser.open(address)
    draw_with_a_finger(browser, ZERO[0])
    assert shown(browser).verdict == "All 2 models say 0."
    assert browser.run(
        "return [window.innerWidth, document.documentElement.scrollWidth, window.scrollY]"
    ) == [360, 360, 0]


def test_a_stopped_server_is_told(browser, models):
    with serve(models) as (server, own_address):
        browser.open(own_address)
        server.terminate()
        server.wait()
        draw(browser, SEVEN)
        assert shown(browser).verdict == "The server does not answer; is it still running?"
