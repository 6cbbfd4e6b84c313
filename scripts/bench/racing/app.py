"""The job as a Flask application: what pubsubctl runs."""

from flask import Flask

from racing.noop import answer

app = Flask(__name__)


@app.get("/<int:number>")
def noop(number: int) -> str:
    """Answer at once."""
    return answer(number)
