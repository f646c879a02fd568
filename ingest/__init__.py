"""Landing files to bronze tables.

sources     which dbt sources to ingest, and whether what they need is there
landing     the files of a source, and whether they have its columns
readers     a batch of files as one DataFrame of text columns
frames      what the frames of all formats have in common
csv_files   CSV files, by their headers, and which lines are in the declared encoding
json_lines  JSON lines, of which Spark's reader alone would lose a part
bronze      the Iceberg table of a source, appending to it, what it has
lock        one run of a source at a time
holders     who holds a lock, and whether that one still lives
pending     whether there is anything to do, without Spark
replay      landed files read again in place of their rows
stream      one run of a source: new files, exactly one batch, one commit
cli         the command line and what it shows
"""
