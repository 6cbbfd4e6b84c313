"""PostgreSQL as the store: for workers and clients on many machines. ``opening`` is where it begins."""
