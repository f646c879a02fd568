"""The pipeline measured beside the plain script that it replaces."""
