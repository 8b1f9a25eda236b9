"""What the chosen cloud, and the rest of the input, say about each part of the input.

Pure functions that return lists: problems, or warnings. One file a subject.
"""
