"""The viewer: a page, live pictures as multipart JPEG, snapshots, state and metrics over HTTP."""
