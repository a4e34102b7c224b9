"""What is kept for jobs to come: recipes by name and version, uploaded sources by id and name.

# Layout
- `recipes`    stored versions of recipes
- `sources`    uploaded files, and how a job reads one
- `uploads`    stores them, each content once
- `resumable` uploads that come in pieces
- `sifting`    refuses what cannot be read by its first bytes
- `locations`  folders and prefixes that recurring runs read
- `importing`  all files of such a place as sources
"""
