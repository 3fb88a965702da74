"""From a record to something for people. A renderer reads a record and nothing else."""
