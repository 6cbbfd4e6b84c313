"""The application of ``pubsubctl demo``. It is an ordinary Flask app that happens to ship with the package."""
