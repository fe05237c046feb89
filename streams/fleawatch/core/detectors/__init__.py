"""What is unusual about an agent's returns: checks of one anatomy, and the suite that combines them.

A check is a few floats. `push` takes the next return and says whether the check alarms; `learn`, after every 16 returns,
moves its baseline to what they summed up to; `rearm` makes it ready for the next alarm; `numbers` are all that it must
remember, and `restore` reads them. Which false-alarm rate a check has, its threshold alone says (`rate.py`).

Every update is winsorised: no single return moves a baseline by more than a few of its deviations, so that one shock does
not hide the next. The hot path is `Suite.push`: about fifty additions and multiplications and one logarithm; roots are
for peaks, and for `learn`.
"""

from typing import Final

SLOT: Final = 16
"""Returns between two steps of learning."""
