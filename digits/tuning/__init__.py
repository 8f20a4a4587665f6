"""The parts of the search for a recipe: what to try, the study, and writing the best back."""
