"""Accuracy on photos whose copies are known: labels in, figures out.

Arrays and CSV files only; the flow ``dupfind.flows.evaluating`` joins it to a library.
"""
