"""Video files: frames in, one container out, whole whatever happens."""
