"""The files of a new project: an app, its settings, and the container that it runs in."""
