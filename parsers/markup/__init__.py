"""XML as such: tokens with their bytes, in bounded memory, and nothing that a document could ask for from outside.

What every standard that is sent as XML stands on; it is no standard itself.
"""
