"""How well the detectors find what is wrong with returns, at an equal rate of false alarms."""
