"""Large bodies, kept apart from their jobs (a claim check): in a directory, or wherever fsspec reaches.

A child of a worker reads and writes them too, so nothing here needs more than the standard library, unless a URL asks
for it.
"""
