"""What an agent shall do: the records that say so, who may write them, and what holds when they arrive in any order."""
