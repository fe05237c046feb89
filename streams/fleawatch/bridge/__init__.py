"""Polls agents that cannot emit, and emits for them. See docs/bridge.md."""
