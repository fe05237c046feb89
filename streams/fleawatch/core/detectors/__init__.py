"""What is unusual about an agent's returns: checks of one anatomy, and the suite that combines them.

Each check is a small state of floats. `push` takes the next return and says whether the check alarms; `statistic` and
`since` describe the finding; `numbers` are all it must remember; `threshold` is set from outside. A check is told which
false-alarm rate it has by its threshold alone (`thresholds.py`). All updates are winsorised: no single return moves a
baseline by more than a few of its deviations.
"""
