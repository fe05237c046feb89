"""Measured claims: each number in docs/performance.md comes from a recorded run of these programs."""
