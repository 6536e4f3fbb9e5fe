"""The mutation check: every declared or wired detail of a connector, broken one at a time, must turn a test red.

mutmut and cosmic-ray were looked at (November 2026): mutmut changes the bodies of functions only, so not one declared
limit or field name; cosmic-ray starts a test process per mutant and has no operator for text. A connector is mostly
declarations, and a process costs more here than its tests, so this is a small one of our own: mutants of the syntax
tree (`mutants`), tried in forks of a process in which all libraries are loaded (`trying`).
"""
