"""A local broker that pubsubctl can start, find and stop."""
