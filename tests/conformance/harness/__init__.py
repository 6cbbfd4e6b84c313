"""What the conformance cases are written with, and the page that is made of them."""
