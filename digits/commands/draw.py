"""A page to draw a digit on, which every trained model answers at once.

python -m digits.commands.draw

Serves http://127.0.0.1:8000 to this machine alone, until it is stopped. The page, demo.html, sends
the drawing as a PNG file; it goes the way of any picture (`digits/pictures`), and the engine
written from scratch runs every model.
"""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, Response, request, send_file
from waitress import create_server
from werkzeug.exceptions import BadRequest, HTTPException

from digits.backends.scratch import network as backend_scratch
from digits.commands.predict import classify
from digits.errors import InputError, one_line_errors
from digits.model.model_file import Model, read_model
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import decode_picture

PAGE = Path(__file__).with_name("draw.html").resolve()
MODELS = Path("models")
HOST = "127.0.0.1"
# The names under which a browser on this machine may ask. A page from elsewhere whose name was made
# to lead here asks under its own.
TRUSTED_HOSTS = ["127.0.0.1", "localhost"]
MAX_BYTES = 1_000_000  # of a drawing; the page's have some 10,000
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Serve a page to draw a digit on, which every trained model answers."
    )
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free (8000)")
    port = parser.parse_args().port
    if port not in range(2**16):
        raise InputError(f"port is {port}; expected 0 to {2**16 - 1}")
    models = load_models(MODELS)
    try:
        server = create_server(
            make_app(models), host=HOST, port=port, max_request_body_size=10 * MAX_BYTES
        )
    except OSError as error:
        raise InputError(
            f"port {port} cannot be had: {error.strerror}; choose another, as in --port 8001"
        ) from None
    print(
        f"{len(models)} models answer on http://{HOST}:{server.effective_port}; stop with Ctrl-C",
        flush=True,
    )
    server.run()


def load_models(folder: Path) -> dict[str, Model]:
    """Return every trained model, by framework and run, as in "torch/cnn"; raise InputError where
    there is none.
    """
    paths = sorted(folder.glob("*/*/model.safetensors"))
    if not paths:
        raise InputError(f"{folder}: has no trained model; run `make run`")
    return {f"{path.parts[-3]}/{path.parts[-2]}": read_model(path) for path in paths}


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
        # A page from elsewhere cannot send this type without asking first, and is never told that
        # it may.
        if request.mimetype != "image/png":
            raise BadRequest(
                f"the drawing is {request.mimetype or 'of no type'}; expected image/png"
            )
        try:
            picture = decode_picture(io.BytesIO(request.get_data()))
        except InputError as error:
            raise BadRequest(f"the drawing {error}") from None
        try:
            return answer(models, to_mnist_form(picture))
        except InputError as error:
            return {"fault": f"The drawing {error}."}

    @app.errorhandler(HTTPException)
    def one_line(error: HTTPException) -> tuple[str, int, dict[str, str]]:
        return (
            f"{' '.join((error.description or error.name).split())}\n",
            error.code or 500,
            {"Content-Type": "text/plain; charset=utf-8"},
        )

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(SECURITY)
        return response

    return app


def answer(models: dict[str, Model], image: np.ndarray) -> dict[str, Any]:
    """Return what the page shows for an image in MNIST's form, uint8 (28, 28): its rows, and each
    model's probabilities by class.
    """
    answers = []
    for name, model in models.items():
        probabilities = classify(backend_scratch, model, [image])[0]
        shares = [round(float(probability), 4) for probability in probabilities]
        answers.append(
            {
                "model": name,
                "classes": model.description.preprocessing.class_names,
                "probabilities": shares,
            }
        )
    return {"image": image.tolist(), "answers": answers}


if __name__ == "__main__":
    with one_line_errors():
        main()
