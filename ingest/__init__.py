"""Landing files to bronze tables.

sources     which dbt sources to ingest, and whether what they need is there
landing     the files of a source, and whether they have its columns
readers     a batch of files as one DataFrame of text columns
bronze      the Iceberg table of a source, and appending to it
stream      one run of a source: new files, exactly one batch, one commit
cli         the command line and what it shows
"""
