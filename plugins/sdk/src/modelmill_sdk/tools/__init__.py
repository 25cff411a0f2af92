"""The author's command, ``mill-plugin``: new, run, check, bench.

One file for each word of the command; `finding` says which plugins a word on the command line
means, and `screen` how things are shown, with `rich` where it is installed.
"""
