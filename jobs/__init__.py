"""Jobs and schedules, and the composition root that workspace.yaml names."""
