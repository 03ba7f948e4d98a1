"""What the business calls it: typed records that know no standard's qualifiers.

A field that was not sent is absent, never invented. Every record names its schema and where its bytes stand.
"""
