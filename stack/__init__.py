"""The services of the mesh: S3, metastore, Spark Thrift Server and API, embedded or in containers.

services      the four services: commands, ports, and how each is known to be healthy
metastore     the metastore's class path and the schema of its database
storage       credentials and buckets of the S3 server
ports         whether a port is free, and who has it where it is not
supervision   supervisord, which runs the services and restarts what crashes
lifecycle     up, down, clean
container     what the containers run, and their tasks
minio         buckets, users and policies of MinIO
backup        saving lake, landing area and metastore, and reading them back
kubernetes    the command of a Spark executor in a pod
demo          landing samples, and the tour that `make demo` gives
cli           the command line
bootstrap     `make setup`; knows nothing of the rest
"""
