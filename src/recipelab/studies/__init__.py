"""Studies: the fewest trainings that answer a question, and what their records prove."""
