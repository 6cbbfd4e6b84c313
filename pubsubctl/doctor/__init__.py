"""What ``pubsubctl doctor`` looks at: each room of a set-up, what is wrong there, and what mends it."""
