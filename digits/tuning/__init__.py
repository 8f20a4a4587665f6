"""The search for a recipe with Optuna.

points        values for some keys of a recipe, and the run with these values
search_space  the values that a search may try
search        a run, its search space, and the identity of its study
study         where trials are stored, and how they ended
heartbeat     which running trials are alive
slots         which trial comes next, among several processes
trials        one trial, from its values to its outcome
session       one process's part in a study
plots         Optuna's plots
best          the best trial, and its recipe in params.yaml
params_file   one run's recipe in params.yaml, rewritten
"""
