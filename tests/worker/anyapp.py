"""An application that runs whatever Python a request's body holds, and answers what that calls ``answer``."""

from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def run() -> str:
    names: dict[str, object] = {"app": app, "environ": request.environ}
    exec(request.get_data(as_text=True), names)
    return str(names.get("answer", ""))
