"""Where jobs and their results live. ``base`` is the contract; a backend is a module of its own."""
