"""`fleawatch init`: the first set-up, by questions; each answer is tried before the next question."""
