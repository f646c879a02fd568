"""What every part of the mesh shares: settings, errors, the registry and its connections."""
