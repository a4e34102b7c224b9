"""What is kept for jobs to come: recipes by name and version, uploaded sources by id and name.

# Layout
- `recipes`    stored versions of recipes
- `sources`    uploaded files, and how a job reads one
- `uploads`    stores them, each content once
- `resumable/` uploads that come in pieces
- `looking`    the beginning of a source, of its file or its seeds
- `removal`    deletes a source, on demand with all that was made of it
- `sifting`    refuses what cannot be read by its first bytes
- `locations`  folders and prefixes that recurring runs read
- `importing`  all files of such a place as sources
"""
