"""Everything that writes output files: where to, all or nothing, and nothing else."""
