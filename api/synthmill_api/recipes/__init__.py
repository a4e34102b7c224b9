"""Recipes: declarations of datasets, each change a new version, none ever altered."""
