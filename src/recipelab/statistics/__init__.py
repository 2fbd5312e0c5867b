"""What numbers prove: intervals, tests, verdicts. Functions over arrays; nothing here knows of runs."""
