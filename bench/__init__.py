"""The pipeline and the API measured beside what they replace and what they are compared with."""
