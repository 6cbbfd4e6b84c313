"""Manifests for the engines that run workers; how many run is the engine's business."""
