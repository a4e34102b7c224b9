"""Sources: files that jobs read. The file is temporary; what a job read of it stays as its seeds."""
