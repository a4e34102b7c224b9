"""What an input file is, told by its content; for whoever takes files in and whoever reads them.

# Layout
- `detect`      which kind of file it is, by content and name
- `encoding`    which encoding a text is in
- `extract/`    streaming readers, from a seekable file to rows
- `look/`       the beginning of a stored file, in a process of its own
- `delimiters`  how well a delimiter parts lines
"""
