"""Manifests for engines that run workers: what they are told of, they do; scaling out is theirs, never ours."""
