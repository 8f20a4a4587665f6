"""What the trainings in all frameworks share."""
