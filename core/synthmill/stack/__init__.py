"""The stack profile: the three ports on real servers."""
