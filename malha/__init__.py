"""What every part of the mesh shares: settings, errors, the registry and its connections."""

import logging

# Thrift logs each refused connection, which is what the caller is told anyway.
logging.getLogger("thrift").setLevel(logging.CRITICAL)
