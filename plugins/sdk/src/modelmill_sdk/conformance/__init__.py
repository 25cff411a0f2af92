"""The conformance kit: whether a plugin keeps every promise the platform counts on.

Read in this order: `targets` (which class is checked), `child` (a process that runs it, through
the same host as the platform's), `watched` (what that process does besides, and `sightings`, what
it notices), `evidence` (the trainings and predictions that the checks look at, each made once),
`checks/` (one class for each promise), `report` (what came out). `modelmill_sdk.testing` has the
way in for tests, the command `mill-plugin check` the one for a terminal.
"""
