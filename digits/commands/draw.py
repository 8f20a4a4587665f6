"""Serve a page to draw a digit on; every model classifies it.

Only this machine can open the page, unless --host says otherwise. The page sends the drawing as a
PNG file. The server treats it like any other picture (digits/pictures). The engine written from
scratch runs every model. Ctrl-C stops the server.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from flask import Flask, Response, request, send_file
from waitress import create_server
from werkzeug.exceptions import BadRequest, HTTPException

from digits.backends.scratch import network
from digits.base.params import FRAMEWORKS, PARAMS, load_run_names, read_params
from digits.errors import InputError
from digits.model.classify import classify
from digits.model.model_file import MODEL_FILE, Model, read_model
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import decode_picture

EXAMPLE = "digits draw --port 8001"

PAGE = Path(__file__).with_name("draw.html").resolve()
MODELS = Path("models")
HOST = "127.0.0.1"
# The host names that a browser may use. If another site points its own name at this machine, the
# requests of its pages carry that name and are refused.
TRUSTED_NAMES = ("127.0.0.1", "localhost")
FORMATS = ("PNG",)  # what the page sends: no other decoder reads what comes over the network
MAX_BYTES = 1_000_000  # per drawing; the page sends about 10,000
MAX_PORT = 2**16 - 1
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src 'self'; "
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--port", type=int, default=8000, help="the port to serve on; 0 picks a free one (8000)"
    )
    parser.add_argument(
        "--host",
        default=HOST,
        metavar="ADDRESS",
        help="the address to serve on; 0.0.0.0 serves every machine that can reach this one "
        f"({HOST})",
    )
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name under which browsers may open the page, if it is no IP address; "
        "may be given several times",
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="use every model FOLDER/FRAMEWORK/RUN/model.safetensors (the runs of params.yaml)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until the command is stopped."""
    host, port = arguments.host, arguments.port
    if port not in range(MAX_PORT + 1):
        raise InputError(f"--port is {port}; expected 0 to {MAX_PORT}")
    models = load_models(arguments.models)
    names = (*TRUSTED_NAMES, host, *arguments.trust)
    app = make_app(models, names, any_address=host not in TRUSTED_NAMES)
    try:
        server = create_server(app, host=host, port=port, max_request_body_size=10 * MAX_BYTES)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        if number in (None, errno.EADDRNOTAVAIL):
            fault = f"--host is {host!r}; expected an address of this machine, or 0.0.0.0"
            raise InputError(fault) from None
        is_taken = number == errno.EADDRINUSE
        fault = "is in use" if is_taken else f"cannot be used: {os.strerror(number)}"
        raise InputError(f"port {port} {fault}; choose another with --port") from None
    address = f"http://{host}:{server.effective_port}"
    print(f"serving {len(models)} models on {address}; stop with Ctrl-C", flush=True)
    server.run()
    return 0


def load_models(folder: Path | None = None) -> dict[str, Model]:
    """Return the models by framework and run, as in "torch/cnn"; raise InputError if there is none.

    With a folder, these are all its models. Otherwise they are the trained runs of params.yaml, and
    a line on standard error names the other runs. Without params.yaml, the folder is models/.
    """
    if folder is not None or not PARAMS.exists():
        folder = folder or MODELS
        names = [
            path.parent.relative_to(folder) for path in sorted(folder.glob(f"*/*/{MODEL_FILE}"))
        ]
        return read_models(folder, [name.as_posix() for name in names])
    runs = run_titles()
    trained = [run for run in runs if (MODELS / run / MODEL_FILE).exists()]
    models = read_models(MODELS, trained)
    missing = [run for run in runs if run not in trained]
    if missing:
        print(f"not trained yet: {', '.join(missing)}; run `make run`", file=sys.stderr)
    return models


def run_titles() -> list[str]:
    """Return the runs of params.yaml, as in "torch/cnn", sorted."""
    data = read_params(PARAMS)
    names = {framework: load_run_names(framework, data=data) for framework in FRAMEWORKS}
    return sorted(f"{framework}/{name}" for framework in names for name in names[framework])


def read_models(folder: Path, names: list[str]) -> dict[str, Model]:
    """Return the models by name; raise InputError if `names` is empty."""
    if not names:
        raise InputError(f"{folder} has no trained model; run `make run`, or see --models")
    return {name: read_model(folder / name / MODEL_FILE) for name in names}


def make_app(
    models: dict[str, Model], names: Iterable[str] = TRUSTED_NAMES, *, any_address: bool = False
) -> Flask:
    """Return the web application: the page, and the models' answers to a drawing.

    Browsers may open it under these names and, with `any_address`, under any IP address. An address
    is safe: only a name can be pointed at this machine by another site.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    trusted = frozenset(name.lower() for name in names)

    @app.before_request
    def check_host() -> None:
        name = host_name(request.host)
        if name not in trusted and not (any_address and is_address(name)):
            raise BadRequest(f"Host {name!r} is not trusted.")

    @app.get("/")
    def page() -> Response:
        return send_file(PAGE)

    @app.get("/favicon.ico")
    def icon() -> tuple[str, int]:
        return "", 204  # browsers request an icon

    @app.post("/classify")
    def classify_drawing() -> dict[str, Any]:
        return answer_request(models)

    app.register_error_handler(HTTPException, one_line)
    app.after_request(secure)
    return app


def host_name(host: str) -> str:
    """Return the name or the address in a Host header, without the port, in lower case."""
    return (urlsplit(f"//{host}").hostname or "").lower()


def is_address(name: str) -> bool:
    """Return whether the name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def answer_request(models: dict[str, Model]) -> dict[str, Any]:
    """Return the answers to the drawing in the request, or the drawing's fault.

    Raises BadRequest if the request holds no image.
    """
    # Before another site's page may send this type, its browser asks the server for permission. The
    # server never gives it.
    if request.mimetype != "image/png":
        raise BadRequest(f"the drawing's type is {request.mimetype!r}; expected image/png")
    try:
        picture = decode_picture(io.BytesIO(request.get_data()), FORMATS)
    except InputError as error:
        raise BadRequest(f"the drawing {error}") from None
    try:
        return answer(models, to_mnist_form(picture))
    except InputError as error:
        return {"fault": f"The drawing {error}."}


def one_line(error: HTTPException) -> tuple[str, int, dict[str, str]]:
    """Return the response to a bad request: one line of plain text."""
    line = " ".join((error.description or error.name).split())
    return f"{line}\n", error.code or 500, {"Content-Type": "text/plain; charset=utf-8"}


def secure(response: Response) -> Response:
    """Add the headers that keep the pages of other sites out."""
    response.headers.update(SECURITY)
    return response


def answer(models: dict[str, Model], image: np.ndarray) -> dict[str, Any]:
    """Return the image's rows and each model's probabilities, as the page shows them.

    The image is uint8 (28, 28), in MNIST's form.
    """
    answers = []
    for name, model in models.items():
        probabilities = classify(network.predict, model, [image])[0]
        answers.append(
            {
                "model": name,
                "classes": model.description.preprocessing.class_names,
                "probabilities": [round(float(probability), 4) for probability in probabilities],
            }
        )
    return {"image": image.tolist(), "answers": answers}
