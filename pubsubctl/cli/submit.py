from pubsubctl.cli.app import new
from pubsubctl.cli.options import with_settings
app = new()

@app.command()
@with_settings()
def submit(settings) -> None:
    """TODO submit"""
