"""Rules of the mesh, and where its columns come from: both from dbt's manifest."""
