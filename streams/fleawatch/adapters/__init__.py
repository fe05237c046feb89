"""For agents that are written in a trading framework: one module a framework, which needs that framework installed."""
