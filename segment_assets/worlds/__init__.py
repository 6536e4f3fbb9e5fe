"""What each world is made of: `local`, `branch` and `aws`, each a module with `resources` and `account_settings`.

Belongs here: which class fulfils which port. Not here: the environment (`deployment`), any work.
"""
