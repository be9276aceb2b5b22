"""The stages: a DataFrame in, a DataFrame out, nothing else."""
