"""The search for a recipe with Optuna.

points        values for some keys of a recipe, and the run that has them
search_space  what a search may try
search        a run, its space, and what makes it the same search again
study         where trials are kept
heartbeat     which running trials are alive
slots         which trial comes next, among several processes
trials        one trial, from its values to its outcome
session       one process's part in a study
plots         Optuna's plots
best          the best trial, and its recipe in params.yaml
params_file   one run's recipe in params.yaml, rewritten
"""
