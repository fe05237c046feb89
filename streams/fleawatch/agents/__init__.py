"""The Faust agents: thin loops from a topic to the core's pipeline and back."""
