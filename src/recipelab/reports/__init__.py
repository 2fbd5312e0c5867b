"""Pages, tables and figures of runs and studies, drawn from their records and from nothing else."""
