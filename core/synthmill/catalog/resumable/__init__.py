"""Uploads that go on where they were cut: pieces are kept as they come, and make a source when all are there.

# Layout
- `errors`     why a piece is not taken
- `documents`  what is known of each upload
- `incoming`   the bytes of one request, up to where they break off
- `reading`    reads stored parts again
- `append`     stores them, one writer at a time
- `finish`     joins the parts to a source
- `expiry`     drops what was never finished
"""
