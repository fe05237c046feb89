"""Real workers and a real broker under load, faults by seed, and an oracle that shares no code with the monitor."""
