"""How the cost of a job grows: with slots, with its size, with how many wait, with how many there ever were."""
