"""About DVC: fingerprints of the code, dvc.lock, running stages."""
