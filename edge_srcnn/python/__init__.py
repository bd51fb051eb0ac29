"""What programs in Python use: frames of any source in a loop, and stand-ins for OpenCV's classes."""
