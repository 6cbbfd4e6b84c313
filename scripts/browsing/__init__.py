"""The dashboard as a browser shows it: what the tests of its pages and ``scripts/screenshots`` both need."""
