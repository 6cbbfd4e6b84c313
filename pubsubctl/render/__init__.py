"""What people and programs see: text, live displays, JSON. Nothing else writes to stdout."""
