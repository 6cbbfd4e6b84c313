"""A Flask application that does next to nothing: what is measured with it is all ours, and Flask's."""

from flask import Flask

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def noop() -> str:
    """Answer at once."""
    return "done"
