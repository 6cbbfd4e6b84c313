"""pubsubctl turns any Flask (WSGI) Web-API into an asynchronous job service over Google Cloud Pub/Sub."""

__version__ = "0.1.0.dev0"
