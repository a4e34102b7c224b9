"""A look at the beginning of a stored file, in a process of its own that can neither grow nor last.

# Layout
- `found`   what a look finds
- `begin`   starts the child and hands it the bytes that it asks for
- `child`   reads, with the readers that jobs use
- `remote`  the file as the child sees it
"""
