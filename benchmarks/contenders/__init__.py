"""One program per contender; each runs in a process of its own and tells the runner by a file when it is through."""
