"""Exports: files of a job's records, written by the worker and fetched from the object store."""
