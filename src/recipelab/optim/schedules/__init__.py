"""Learning-rate schedules: pure functions from a timeline to one factor a step, evaluated once before the first.

Each is `name(timeline, *, warmup, interval, ...) -> (total_steps,) float64`; the factor of step s multiplies the base
learning rate of the s-th optimizer step, counted from 0.
"""
