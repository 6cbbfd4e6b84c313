"""A local broker that pubsubctl can start, find and stop: ours, or Google's own through gcloud."""
