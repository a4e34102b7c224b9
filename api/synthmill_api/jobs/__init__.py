"""Jobs: made by the same `submit` as everywhere, counted from the same facts."""
