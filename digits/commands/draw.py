"""Serve a page to draw a digit on, which every model classifies.

The page is served to this machine alone, until the command is stopped. It sends the drawing as a
PNG file, which is treated as any picture is (digits/pictures). The engine written from scratch runs
every model.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

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
# The names under which a browser on this machine may ask. If another site's name is made to lead
# here, its page asks under that name and is refused.
TRUSTED_HOSTS = ["127.0.0.1", "localhost"]
MAX_BYTES = 1_000_000  # of a drawing; the page's have some 10,000
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
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free port (8000)")
    parser.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="use every FOLDER/FRAMEWORK/RUN/model.safetensors (the runs of params.yaml)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until the command is stopped."""
    port = arguments.port
    if port not in range(MAX_PORT + 1):
        raise InputError(f"--port is {port}; expected 0 to {MAX_PORT}")
    models = load_models(arguments.models)
    app = make_app(models)
    try:
        server = create_server(app, host=HOST, port=port, max_request_body_size=10 * MAX_BYTES)
    except OSError as error:
        raise InputError(f"port {port}: {error.strerror}; choose another with --port") from None
    address = f"http://{HOST}:{server.effective_port}"
    print(f"{len(models)} models answer on {address}; stop with Ctrl-C", flush=True)
    server.run()
    return 0


def load_models(folder: Path | None = None) -> dict[str, Model]:
    """Return the models by framework and run, as in "torch/cnn"; raise InputError if there is none.

    They are all models of the folder, or those of the runs in params.yaml. Runs that have no model
    yet are named on standard error.
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
    """Return the runs of params.yaml, as in "torch/cnn", in the order of their names."""
    data = read_params(PARAMS)
    names = {framework: load_run_names(framework, data=data) for framework in FRAMEWORKS}
    return sorted(f"{framework}/{name}" for framework in names for name in names[framework])


def read_models(folder: Path, names: list[str]) -> dict[str, Model]:
    """Return the models by name; raise InputError if there is none."""
    if not names:
        raise InputError(f"{folder} has no trained model; run `make run`, or see --models")
    return {name: read_model(folder / name / MODEL_FILE) for name in names}


def make_app(models: dict[str, Model]) -> Flask:
    """Return the server of the page and of the models' answers."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BYTES, TRUSTED_HOSTS=TRUSTED_HOSTS)

    @app.get("/")
    def page() -> Response:
        return send_file(PAGE)

    @app.get("/favicon.ico")
    def icon() -> tuple[str, int]:
        return "", 204  # browsers ask for one

    @app.post("/classify")
    def classify_drawing() -> dict[str, Any]:
        return answer_request(models)

    app.register_error_handler(HTTPException, one_line)
    app.after_request(secure)
    return app


def answer_request(models: dict[str, Model]) -> dict[str, Any]:
    """Return the answer to the drawing in the request, or its fault; raise BadRequest."""
    # A page from elsewhere may not send this type before the server allows it, which it never does.
    if request.mimetype != "image/png":
        raise BadRequest(f"the drawing is {request.mimetype or 'of no type'}; expected image/png")
    try:
        picture = decode_picture(io.BytesIO(request.get_data()))
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
    """Add the headers that keep other pages out."""
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
