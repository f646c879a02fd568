"""Upkeep of the lake's tables: compaction, expiry, orphans, rollback, and what is published.

All of it goes through the Thrift Server as SQL and Iceberg's own procedures, so it needs neither
Spark nor credentials of the store on the machine that runs it.
"""
