"""A minimal application of the engine, for its own tests: it knows nothing of trading."""
