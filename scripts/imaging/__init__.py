"""The steps of an image, and what compose starts of it, without a container engine: in bare Debian roots, as root."""
