"""The dashboard: what there is in the store and at the broker, as pages for people."""
