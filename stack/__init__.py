"""The embedded stack: S3, metastore, Spark Thrift Server and API on one machine.

services      the four services: commands, ports, and how each is known to be healthy
metastore     the metastore's class path and the schema of its database
storage       credentials and buckets of the S3 server
ports         whether a port is free, and who has it where it is not
supervision   supervisord, which runs the services and restarts what crashes
lifecycle     up, down, clean
demo          landing samples, and the tour that `make demo` gives
cli           the command line
bootstrap     `make setup`; knows nothing of the rest
"""
