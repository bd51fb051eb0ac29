"""Object stores and shares, by their URLs: names, listings, and contents that come and go whole.

fsspec and the libraries below it know the stores; they are imported when the first URL is used.
"""
