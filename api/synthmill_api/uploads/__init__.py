"""Uploads that can be cut and go on: the tus protocol 1.0, for which clients exist in every language."""
